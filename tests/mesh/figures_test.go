package mesh

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// figures counts what was sent, for the summary.
var figures = tally{began: time.Now(), lanes: map[string]int{}}

type tally struct {
	sync.Mutex
	began           time.Time
	lanes           map[string]int
	requests, other int
}

func (t *tally) count(lane string, err error) {
	t.Lock()
	defer t.Unlock()
	t.requests++
	if err != nil {
		t.other++
	} else {
		t.lanes[lane]++
	}
}

// String is the summary: requests, by lane; those without an answer of a lane; seconds.
func (t *tally) String() string {
	t.Lock()
	defer t.Unlock()
	var lanes []string
	for lane, count := range t.lanes {
		lanes = append(lanes, fmt.Sprintf("%s %d", lane, count))
	}
	slices.Sort(lanes)
	return fmt.Sprintf("%d requests: %s; not answered by a lane: %d; %.0f s",
		t.requests, strings.Join(lanes, ", "), t.other, time.Since(t.began).Seconds())
}
