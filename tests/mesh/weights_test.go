package mesh

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"graylane.test/mesh/discovery"
	"graylane.test/mesh/manifest"
	"graylane.test/mesh/upstream"
)

// onWeights is the origin with the subset of v2 called as in fixtures/weights.yaml.
func onWeights(t *testing.T, module string) origin {
	from := sources(t, module)
	from.lanes()["v2"].(map[string]any)["subset"] = "canary"
	return from
}

func TestACanaryByWeightsBecomesOneOfLanesWhileTrafficFlows(t *testing.T) {
	front := discovery.Workload{App: "front", Version: "v1", Namespace: "shop", Address: upstream.Start(t, "front")}
	there := fixture(t, "weights.yaml")
	s := start(t, setting{
		flavour: "rendered WasmPlugin", extra: front.Objects(),
		edit: func([]*manifest.Object) []*manifest.Object { return there },
	})
	if lanes := s.lanesOfAUser(); len(lanes) < 2 {
		t.Fatalf("by weights a user comes to %v alone: nothing is left to show", lanes)
	}
	s.keepsItsOtherRoutes("by weights")

	traffic := s.startLoad()
	traffic.passed(500)
	var notes string
	s.objects, notes = onWeights(t, module).run(t, "istio", "--existing", existing(t, there))
	if !strings.Contains(notes, "stable 95, v2 5") {
		t.Errorf("that weights give way is not told, but %q", notes)
	}
	s.discovery.Apply(s.objects...) // at once, as kubectl does
	s.awaitTesters("v2")
	traffic.passed(1000)
	traffic.end()
	if traffic.lanes["front"] == 0 {
		t.Error("no traffic came to front")
	}
	http.DefaultClient.CloseIdleConnections() // those from before have no module yet

	s.keepsItsOtherRoutes("rendered")
	if lanes := s.lanesOfAUser(); len(lanes) != 1 {
		t.Errorf("a user comes to several lanes: %v", lanes)
	}
	if faults := sticky(s); len(faults) > 0 {
		t.Error(list(faults))
	}
}

// lanesOfAUser is where the requests of one user end. By weights, less than one user in ten thousand is always in one lane.
func (s *stage) lanesOfAUser() map[string]int {
	lanes := map[string]int{}
	for range 200 {
		lanes[s.throughGateway(request{"x-gray-id": "user-1"})]++
	}
	return lanes
}

// keepsItsOtherRoutes holds a stage to what weights.yaml says besides weights: the route to front, the one of reports, and
// how long that may take.
func (s *stage) keepsItsOtherRoutes(when string) {
	s.Helper()
	for name, ask := range map[string]func(request) string{"gateway": s.throughGateway, "client": s.throughClient} {
		if lane := ask(request{"x-to": "front"}); lane != "front" {
			s.Errorf("%s, the %s sends what is for front to %s", when, name, lane)
		}
		if lane := ask(request{"x-report": "yes", "x-gray-id": "user-1"}); lane != "stable" {
			s.Errorf("%s, the %s sends a report to %s", when, name, lane)
		}
	}
	began, patient := time.Now(), &http.Client{Transport: fresh.Transport, Timeout: patience}
	_, err := send(patient, s.gatewayAt, outside, request{"x-report": "yes", upstream.Hold: "yes"})
	took := time.Since(began)
	if told := fmt.Sprint(err); !strings.Contains(told, "504") || took < 4*time.Second || took > 20*time.Second {
		s.Errorf("%s, a report that takes long ends with %s after %s", when, told, took)
	}
}
