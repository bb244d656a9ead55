package mesh

import (
	"fmt"
	"strings"
	"time"

	"graylane.test/mesh/envoy"
)

// patience is how long a change may take to come into force on a busy machine.
const patience = 30 * time.Second

// users is how many gray ids are asked for.
const users = 1000

// contract is what every flavour keeps. It returns what is not so.
func contract(s *stage) (faults []string) {
	fault := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }

	for _, c := range []struct {
		who             string
		sent            request
		gateway, client string
	}{
		{"nobody in particular", request{"x-gray-id": "user-1"}, "stable", "stable"},
		{"a tester", request{"x-tester": "yes"}, "v2", "v2"},
		{"a user of the new app", request{"x-app-version": "3.4.1"}, "v2", "v2"},
		{"a user of the old app", request{"x-app-version": "3.1.0", "x-gray-id": "user-1"}, "stable", "stable"},
		{"who names the lane", request{"x-gray-lane": "v2", "x-gray-id": "user-1"}, "stable", "stable"},
		{"who names the cluster", request{"x-gray-cluster": clusterOfV2, "x-gray-id": "user-1"}, "stable", "stable"},
		{"who overrides it", request{"x-canary": "v2", "x-gray-id": "user-1"}, "stable", "v2"},
		{"who carries a label", request{"x-traffic-label": "version=v2", "x-gray-id": "user-1"}, "stable", "v2"},
	} {
		if lane := s.throughGateway(c.sent); lane != c.gateway {
			fault("the gateway sends %s to %s, not %s", c.who, lane, c.gateway)
		}
		if lane := s.throughClient(c.sent); lane != c.client {
			fault("the client's sidecar sends %s to %s, not %s", c.who, lane, c.client)
		}
	}
	if len(faults) > 0 {
		return faults // the rest takes longer, and says no more
	}
	faults = append(faults, sticky(s)...)
	for name, proxy := range map[string]*envoy.Proxy{"gateway": s.gateway, "client": s.client} {
		if refused := proxy.Stat("", ".update_rejected"); refused != 0 {
			fault("the %s refused %d updates", name, refused)
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return unguarded(s)
}

const clusterOfV2 = "outbound|8080|v2|user-svc.shop.svc.cluster.local"

// sticky holds the split to its share, and each user to one lane, at the gateway and within the mesh.
func sticky(s *stage) (faults []string) {
	v2, moved := 0, 0
	for user := range users {
		id := request{"x-gray-id": fmt.Sprintf("user-%d", user)}
		first := s.throughGateway(id)
		if first == "v2" {
			v2++
		}
		if again := s.throughGateway(id); again != first {
			moved++
		}
		if within := s.throughClient(id); within != first {
			moved++
		}
	}
	// Five per cent. By chance alone, less than one salt in a thousand is outside of this.
	if v2 < 28 || v2 > 75 {
		faults = append(faults, fmt.Sprintf("%d of %d users are in v2, 50 are expected", v2, users))
	}
	if moved > 0 {
		faults = append(faults, fmt.Sprintf("%d times a user was sent to another lane than before", moved))
	}
	s.Logf("%d of %d users in v2", v2, users)
	return faults
}

// unguarded takes the module away and sees that no client can choose its lane then.
func unguarded(s *stage) (faults []string) {
	for _, object := range s.objects {
		if isPlugin(object) {
			s.discovery.Delete(object)
		}
	}
	ask := func(headers request) string { return s.lane(fresh, s.gatewayAt, outside, headers) }
	tester := request{"x-tester": "yes"}
	if !soon(func() bool { return ask(tester) == "stable" }) {
		return []string{"without the module, testers are not sent to stable, but to " + ask(tester)}
	}
	for name, value := range map[string]string{"x-gray-lane": "v2", "x-gray-cluster": clusterOfV2} {
		if lane := ask(request{name: value}); lane != "stable" {
			faults = append(faults, fmt.Sprintf("without the module, a client that sends %s gets %s", name, lane))
		}
	}
	return faults
}

// soon polls until a condition holds.
func soon(condition func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

// list writes faults one under the other.
func list(faults []string) string { return "\n    " + strings.Join(faults, "\n    ") }
