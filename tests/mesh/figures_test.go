package mesh

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// figures counts what was sent, for the summary.
var figures = tally{began: time.Now()}

type tally struct {
	sync.Mutex
	began            time.Time
	lanes            map[string]int
	requests, failed int
}

func (t *tally) count(lane string, err error) {
	t.Lock()
	defer t.Unlock()
	t.requests++
	if err != nil {
		t.failed++
	} else {
		if t.lanes == nil {
			t.lanes = map[string]int{}
		}
		t.lanes[lane]++
	}
}

// add counts what another has counted.
func (t *tally) add(other *tally) {
	t.Lock()
	defer t.Unlock()
	t.requests += other.requests
	t.failed += other.failed
	if t.lanes == nil {
		t.lanes = map[string]int{}
	}
	for lane, count := range other.lanes {
		t.lanes[lane] += count
	}
}

// String is the summary: requests, by lane; how many failed; seconds.
func (t *tally) String() string {
	t.Lock()
	defer t.Unlock()
	var lanes []string
	for lane, count := range t.lanes {
		lanes = append(lanes, fmt.Sprintf("%s %d", lane, count))
	}
	slices.Sort(lanes)
	return fmt.Sprintf("%d requests, %s; failures %d; %.0f s",
		t.requests, strings.Join(lanes, ", "), t.failed, time.Since(t.began).Seconds())
}
