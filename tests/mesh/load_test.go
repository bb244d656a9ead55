package mesh

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// load is traffic that flows until it is stopped: on connections that are kept, and on a new one for each request.
type load struct {
	stage *stage
	stop  chan struct{}
	done  sync.WaitGroup

	sync.Mutex
	requests int
	lanes    map[string]int
	failures []string
}

// pace is how long each of the senders waits between two requests.
const pace = 2 * time.Millisecond

// door is where a request is sent, and for which host.
type door struct{ at, host string }

// startLoad sends through the gateway and the client's sidecar.
func (s *stage) startLoad() *load {
	return s.loadThrough(door{s.gatewayAt, outside}, door{s.clientAt, inside})
}

// startLoadWithin sends through the client's sidecar alone, where a test leaves nothing of the way from outside.
func (s *stage) startLoadWithin() *load {
	return s.loadThrough(door{s.clientAt, inside}, door{s.clientAt, inside})
}

func (s *stage) loadThrough(first, second door) *load {
	l := &load{stage: s, stop: make(chan struct{}), lanes: map[string]int{}}
	for sender, keep := range []bool{true, true, false, false} {
		through := []door{first, second}[sender%2]
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: !keep}, Timeout: patience}
		l.done.Add(1)
		go l.send(client, through, sender)
	}
	return l
}

func (l *load) send(client *http.Client, through door, sender int) {
	defer l.done.Done()
	defer client.CloseIdleConnections()
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for number := sender; ; number += 4 {
		select {
		case <-l.stop:
			return
		case <-ticks.C:
		}
		sent := request{"x-gray-id": fmt.Sprintf("user-%d", number%users)}
		switch number % 3 {
		case 0:
			sent["x-tester"] = "yes"
		case 1:
			sent["x-want"] = "v3" // says nothing to a policy that does not ask for it
		}
		if number%5 == 0 {
			sent["x-to"] = "front" // says nothing where no route asks for it
		}
		answer, err := send(client, through.at, through.host, sent)
		l.stage.tally.count(answer.Lane, err)
		l.note(answer.Lane, err)
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

// passed waits until so many more requests were answered, or failed.
func (l *load) passed(more int) {
	count := func() int { l.Lock(); defer l.Unlock(); return l.requests }
	before := count()
	if !soon(func() bool { return count() >= before+more }) {
		l.stage.Error("the load stands still")
	}
}

// end stops the traffic, and fails the test where a request failed.
func (l *load) end() {
	l.stage.Helper()
	failed := l.halt()
	l.stage.Logf("%d requests while the change was made, %v, failures %d", l.requests, l.lanes, len(failed))
	if len(failed) > 0 {
		l.stage.Error(list(failed[:min(len(failed), 10)]))
	}
	if l.requests == 0 {
		l.stage.Error("there was no traffic")
	}
}

// halt stops the traffic and returns what went wrong.
func (l *load) halt() []string {
	close(l.stop)
	l.done.Wait()
	return l.failures
}
