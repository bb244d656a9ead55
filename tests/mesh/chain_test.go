package mesh

import (
	"fmt"
	"net/http"
	"testing"

	"graylane.test/mesh/discovery"
	"graylane.test/mesh/manifest"
	"graylane.test/mesh/upstream"
)

// carried is the headers that a service of a call chain hands on, as each instrumented one does.
var carried = []string{"x-traffic-label", "x-gray-id", "baggage"}

// A call chain: gateway, front, the sidecar of front, the sidecar of user-svc, user-svc.
func TestALaneIsCarriedAlongACallChain(t *testing.T) {
	var s *stage
	front := upstream.StartHandler(t, func(w http.ResponseWriter, r *http.Request) {
		sent := request{}
		for _, name := range carried {
			if value := r.Header.Get(name); value != "" {
				sent[name] = value
			}
		}
		answer, err := send(http.DefaultClient, s.clientAt, inside, sent)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		upstream.Write(w, answer)
	})
	pod := discovery.Workload{App: "front", Version: "v1", Namespace: "shop", Address: front}
	s = start(t, setting{
		flavour: "WasmPlugin", inbound: true, extra: append(pod.Objects(), fixture(t, "front.yaml")...),
		edit: func(objects []*manifest.Object) []*manifest.Object {
			for at, object := range objects {
				if isPlugin(object) {
					objects[at] = withPolicy(t, object, withFront)
				}
			}
			return objects
		},
	})
	ask := func(headers request) string {
		return s.lane(http.DefaultClient, s.gatewayAt, "front.example.com", headers)
	}

	for _, c := range []struct {
		who  string
		sent request
		lane string
	}{
		{"a tester", request{"x-tester": "yes"}, "v2"}, // front has one lane; its label goes on to user-svc
		{"nobody in particular", request{"x-gray-id": "user-1"}, "stable"},
		{"who carries a label from outside", request{"x-traffic-label": "version=v2", "x-gray-id": "user-1"}, "stable"},
		{"who carries baggage from outside", request{"baggage": "traffic-label=version%3Dv2", "x-gray-id": "user-1"}, "stable"},
		{"who names the lane", request{"x-gray-lane": "v2", "x-gray-id": "user-1"}, "stable"},
	} {
		if lane := ask(c.sent); lane != c.lane {
			t.Errorf("%s ends at %s, not %s", c.who, lane, c.lane)
		}
	}
	for number := range users {
		id := request{"x-gray-id": fmt.Sprintf("user-%d", number)}
		if along, alone := ask(id), s.throughClient(id); along != alone {
			t.Fatalf("%v ends at %s, and at %s without front", id, along, alone)
		}
	}
	for _, proxy := range s.inbound {
		if proxy.Stat("http.inbound_", "downstream_rq_total") == 0 {
			t.Error("no request came through the sidecar of user-svc")
		}
		if proxy.Stat("wasmcustom.graylane.decisions.", "")+proxy.Stat("wasmcustom.graylane.ungoverned", "") != 0 {
			t.Error("a sidecar decides about what comes in")
		}
	}
}

// withFront adds a release for front, with the testers of user-svc, and no split.
func withFront(policy map[string]any) {
	testers := map[string]any{
		"name": "testers", "lane": "v2",
		"when": map[string]any{"header": map[string]any{"x-tester": map[string]any{"exact": "yes"}}},
	}
	policy["releases"] = append(policy["releases"].([]any), map[string]any{
		"name":   "front",
		"match":  map[string]any{"hosts": []any{"front.example.com"}},
		"lanes":  []any{map[string]any{"name": "stable"}, map[string]any{"name": "v2", "labels": map[string]any{"version": "v2"}}},
		"canary": map[string]any{"stable": "stable", "candidates": []any{map[string]any{"lane": "v2", "percent": int64(0)}}},
		"rules":  []any{testers},
	})
}
