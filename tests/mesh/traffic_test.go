package mesh

import "testing"

func TestTheGatewayAndClientSidecarsSendEachRequestToTheLaneThatThePolicyDecides(t *testing.T) {
	s := start(t, "base", nil)
	for _, c := range []struct {
		name            string
		sent            request
		gateway, client string
	}{
		{"nobody in particular", request{"x-gray-id": "user-1"}, "stable", "stable"},
		{"a tester", request{"x-tester": "yes"}, "v2", "v2"},
		{"a user of the new app", request{"x-app-version": "3.4.1"}, "v2", "v2"},
		{"a user of the old app", request{"x-app-version": "3.1.0", "x-gray-id": "user-1"}, "stable", "stable"},
		{"who names the lane", request{"x-gray-lane": "v2", "x-gray-id": "user-1"}, "stable", "stable"},
		{"who overrides it", request{"x-canary": "v2", "x-gray-id": "user-1"}, "stable", "v2"},
		{"who carries a label", request{"x-traffic-label": "version=v2", "x-gray-id": "user-1"}, "stable", "v2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if lane := s.throughGateway(c.sent).Lane; lane != c.gateway {
				t.Errorf("the gateway sends it to %s, not %s", lane, c.gateway)
			}
			if lane := s.throughClient(c.sent).Lane; lane != c.client {
				t.Errorf("the client's sidecar sends it to %s, not %s", lane, c.client)
			}
		})
	}
}
