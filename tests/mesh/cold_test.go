package mesh

import "testing"

// What a proxy does that starts where the module is not. The documents rest on this: the module must be there first.

func TestAColdProxyWithoutTheModuleAnswers500WithAWasmPlugin(t *testing.T) {
	s := start(t, setting{flavour: "WasmPlugin", module: "/nowhere/graylane.wasm", tally: &tally{}})
	for name, got := range map[string]string{"gateway": s.throughGateway(nil), "client": s.throughClient(nil)} {
		if got != "500 " {
			t.Errorf("the %s answers %q", name, got)
		}
	}
}

func TestAColdProxyWithoutTheModuleKeepsToStableWithTheEnvoyFilter(t *testing.T) {
	s := start(t, setting{flavour: "EnvoyFilter", module: "/nowhere/graylane.wasm"})
	for name, value := range map[string]string{"x-tester": "yes", "x-canary": "v2", "x-gray-lane": "v2", "x-gray-cluster": clusterOfV2} {
		if lane := s.throughGateway(request{name: value}); lane != "stable" {
			t.Errorf("the gateway sends a request with %s to %s", name, lane)
		}
	}
	if lane := s.throughClient(request{"x-tester": "yes"}); lane != "stable" {
		t.Errorf("the client's sidecar sends a tester to %s", lane)
	}
	sent := request{"x-traffic-label": "version=v2", "x-abtest-group": "B", "x-canary": "v2", "x-gray-rules": "version=v2", "x-canary-tag": "v2", "x-gray-debug": "1"}
	for name := range sent {
		if got := s.arrives(s.gatewayAt, outside, sent, name); got != "" {
			t.Errorf("%s: %s comes through the gateway", name, got)
		}
	}
	if got := s.arrives(s.clientAt, inside, sent, "x-traffic-label"); got != "version=v2" {
		t.Errorf("the label that a sidecar is sent arrives as %q", got)
	}
}
