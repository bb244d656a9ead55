package mesh

import (
	"net/http"
	"strings"
	"testing"

	"graylane.test/mesh/secrets"
)

func TestTheContractIsKeptUnderMutualTLS(t *testing.T) {
	s := start(t, setting{flavour: "WasmPlugin", inbound: true, mutualTLS: true})
	for from, ask := range map[string]func() string{
		"istio-ingress": func() string { return s.arrives(s.gatewayAt, outside, nil, "x-forwarded-client-cert") },
		"shop":          func() string { return s.arrives(s.clientAt, inside, nil, "x-forwarded-client-cert") },
	} {
		if told := ask(); !strings.Contains(told, "URI="+secrets.Identity(from)) {
			t.Errorf("the service is told that %q calls, and not %s", told, secrets.Identity(from))
		}
	}
	for _, pod := range s.podsAt {
		if _, err := http.Get("http://" + pod); err == nil {
			t.Errorf("%s answers who brings no certificate", pod)
		}
	}
	if faults := contract(s); len(faults) > 0 {
		t.Error(list(faults))
	}
	for _, proxy := range s.inbound {
		if proxy.Stat("listener.", ".ssl.handshake") == 0 || proxy.Stat("http.inbound_", "downstream_rq_total") == 0 {
			t.Error("no request came through the sidecar of user-svc by TLS")
		}
		if proxy.Stat("", ".update_rejected") != 0 {
			t.Error("the sidecar of user-svc refused an update")
		}
	}
}
