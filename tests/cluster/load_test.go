package cluster

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"graylane.test/cluster/process"
)

// load is traffic that flows until it is stopped: on connections that are kept, and on a new one for each request.
type load struct {
	t     *testing.T
	what  string // what changes meanwhile
	stop  chan struct{}
	ended sync.Once
	done  sync.WaitGroup

	sync.Mutex
	requests int
	lanes    map[string]int
	failures []string
	// Lanes that may answer in the place of the one that was decided.
	standIn string
}

// pace is how long each sender waits between two requests.
const pace = 4 * time.Millisecond

func startLoad(t *testing.T, what string, entrances ...entrance) *load {
	l := &load{t: t, what: what, stop: make(chan struct{}), lanes: map[string]int{}}
	for _, one := range entrances {
		for _, keep := range []bool{true, false} {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: !keep}, Timeout: 30 * time.Second}
			l.done.Add(1)
			go l.send(client, one)
		}
	}
	t.Cleanup(l.halt)
	return l
}

func (l *load) send(client *http.Client, to entrance) {
	defer l.done.Done()
	defer client.CloseIdleConnections()
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for number := 0; ; number++ {
		select {
		case <-l.stop:
			return
		case <-ticks.C:
		}
		sent := headers{"x-gray-id": fmt.Sprintf("user-%d", number%1000)}
		if number%3 == 0 {
			sent["x-tester"] = "yes"
		}
		answer, err := to.send(client, sent)
		lane := answer.Labels[to.label]
		if decided := answer.Headers.Get("x-gray-lane"); err == nil && decided != lane && lane != l.accepted() {
			err = fmt.Errorf("%s was decided, %s answered (%s)", decided, lane, answer.Pod)
		}
		figures.count(lane, err)
		l.note(lane, err)
	}
}

func (l *load) note(lane string, err error) {
	l.Lock()
	defer l.Unlock()
	l.requests++
	if err != nil {
		l.failures = append(l.failures, err.Error())
		return
	}
	l.lanes[lane]++
}

// accept lets a lane answer in the place of others: while they are empty.
func (l *load) accept(lane string) {
	l.Lock()
	defer l.Unlock()
	l.standIn = lane
}

func (l *load) accepted() string {
	l.Lock()
	defer l.Unlock()
	return l.standIn
}

// pass waits until so many more requests were answered, or failed.
func (l *load) pass(more int) {
	l.t.Helper()
	count := func() int { l.Lock(); defer l.Unlock(); return l.requests }
	before := count()
	process.Await(l.t, fmt.Sprintf("%d more requests", more), func() bool { return count() >= before+more })
}

// end stops the traffic, and fails the test where a request was lost or went astray.
func (l *load) end() {
	l.t.Helper()
	l.halt()
	l.t.Logf("%d requests while %s, %v, failures %d", l.requests, l.what, l.lanes, len(l.failures))
	if len(l.failures) > 0 {
		l.t.Error(strings.Join(l.failures[:min(len(l.failures), 10)], "\n"))
	}
}

// halt stops the traffic.
func (l *load) halt() {
	l.ended.Do(func() { close(l.stop) })
	l.done.Wait()
}
