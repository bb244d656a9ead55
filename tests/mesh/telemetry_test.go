package mesh

import (
	"strings"
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"

	"graylane.test/mesh/discovery"
	"graylane.test/mesh/manifest"
)

// ofTester is what the access log says of a tester.
const ofTester = `graylane="user-svc;lane=v2;reason=rule;rule=testers"`

func TestTheAccessLogTellsEachDecision(t *testing.T) {
	s := start(t, setting{flavour: "telemetry"})
	s.throughGateway(request{"x-tester": "yes"})
	s.throughClient(request{"x-tester": "yes"})
	for name, log := range map[string]func() string{"gateway": s.gateway.Log, "client": s.client.Log} {
		if !soon(func() bool { return strings.Contains(log(), ofTester) }) {
			t.Errorf("the access log of the %s does not say %s", name, ofTester)
		}
	}
}

func TestEachTelemetryIsMissedWhereItIsLeftOut(t *testing.T) {
	for _, left := range []string{"istio-ingress", "shop"} {
		t.Run(left, func(t *testing.T) {
			s := start(t, setting{flavour: "telemetry", edit: func(all []*manifest.Object) []*manifest.Object {
				for _, object := range all {
					if object.GetKind() == "Telemetry" && object.GetNamespace() == left {
						return without(all, object)
					}
				}
				t.Fatalf("there is no Telemetry in %s", left)
				return nil
			}})
			silent, other := s.gateway, s.client
			if left == "shop" {
				silent, other = s.client, s.gateway
			}
			s.throughGateway(request{"x-tester": "yes"})
			s.throughClient(request{"x-tester": "yes"})
			if !soon(func() bool { return strings.Contains(other.Log(), ofTester) }) {
				t.Error("the other log is silent too")
			}
			if strings.Contains(silent.Log(), ofTester) {
				t.Error("the log tells decisions all the same")
			}
		})
	}
}

// Istio's own metrics are counted by a filter that only its proxy has. So this is about what the proxy would be sent.
func TestTheLaneIsATagOfIstiosMetrics(t *testing.T) {
	flavour := flavourOf(t, "telemetry")
	cluster := append(fixture(t, "shop.yaml"), gatewayFixture(t, flavour, 8080)...)
	server := discovery.Start(t, append(cluster, build(t, flavour, module)...), func(settings *meshconfig.MeshConfig) {
		settings.DefaultProviders.Metrics = []string{"prometheus"}
		flavour.change(t)(settings)
	})
	for name, proxy := range map[string]*model.Proxy{
		"gateway": {Type: model.Router, ConfigNamespace: "istio-ingress", Labels: map[string]string{"istio": "ingress"}},
		"sidecar": {Type: model.SidecarProxy, ConfigNamespace: "shop", Labels: map[string]string{"app": "front"}},
	} {
		if sent := server.Listeners(proxy); !strings.Contains(sent, "gray_lane") || !strings.Contains(sent, "x-gray-lane") {
			t.Errorf("the metrics of the %s have no tag gray_lane", name)
		}
	}
}

// Istio's proxies drop every metric that their bootstrap does not ask for.
func TestTheMetricsOfGraylaneAreAmongThoseThatIstiosProxiesKeep(t *testing.T) {
	s := start(t, setting{flavour: "WasmPlugin", keptStats: []string{"cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm"}})
	s.throughGateway(request{"x-tester": "yes"})
	if !soon(func() bool { return s.gateway.Stat("wasmcustom.graylane.decisions.rule", "") == 1 }) {
		t.Error("the decision is not counted")
	}
	if s.gateway.Stat("http.", "") != 0 {
		t.Error("what is not asked for is kept all the same, so this shows nothing")
	}
}
