package mesh

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"graylane.test/mesh/collector"
	"graylane.test/mesh/discovery"
	"graylane.test/mesh/manifest"
	"graylane.test/mesh/upstream"
)

// ofTester is what the access log says of a tester.
const ofTester = `graylane="user-svc;lane=v2;reason=rule;rule=testers"`

func TestTheAccessLogTellsEachDecision(t *testing.T) {
	for flavour, decision := range map[string]string{
		"telemetry":          ofTester,
		"access log as text": ofTester,
		"access log as JSON": `"graylane":"user-svc;lane=v2;reason=rule;rule=testers"`,
	} {
		t.Run(flavour, func(t *testing.T) {
			s := start(t, setting{flavour: flavour})
			s.throughGateway(request{"x-tester": "yes"})
			s.throughClient(request{"x-tester": "yes"})
			for name, log := range map[string]func() string{"gateway": s.gateway.Log, "client": s.client.Log} {
				if !soon(func() bool { return strings.Contains(log(), decision) }) {
					t.Errorf("the access log of the %s does not say %s", name, decision)
				}
			}
		})
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

// experimenting adds an AB test, which routes nobody, to the policy of each plugin, and has its exposures told.
func experimenting(all []*manifest.Object) []*manifest.Object {
	for _, object := range all {
		if object.GetKind() != "WasmPlugin" {
			continue
		}
		policy, _, _ := unstructured.NestedMap(object.Object, "spec", "pluginConfig", "policy")
		policy["exposures"] = map[string]any{}
		releases := policy["releases"].([]any)
		policy["releases"] = append(releases, map[string]any{
			"name":  "button",
			"match": releases[0].(map[string]any)["match"],
			"lanes": []any{map[string]any{"name": "A"}, map[string]any{"name": "B"}},
			"ab": map[string]any{"salt": "button-2026-11", "route": false, "groups": []any{
				map[string]any{"lane": "A", "weight": int64(100)}, map[string]any{"lane": "B", "weight": int64(0)},
			}},
		})
		if err := unstructured.SetNestedMap(object.Object, policy, "spec", "pluginConfig", "policy"); err != nil {
			panic(err)
		}
	}
	return all
}

// countingModule is the module that tells exposures.
func countingModule(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "target/graylane-telemetry.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDecisionsAndExposuresAreToldAsJSON(t *testing.T) {
	s := start(t, setting{flavour: "full telemetry", module: countingModule(t), edit: experimenting})
	s.throughGateway(request{"x-tester": "yes", "x-gray-id": "u-1"})
	s.throughClient(request{"x-tester": "yes", "x-gray-id": "u-1"})
	for name, log := range map[string]func() string{"gateway": s.gateway.Log, "client": s.client.Log} {
		var row struct{ Graylane, Lane, Exposure string }
		told := func(is func() bool) bool {
			return soon(func() bool {
				for line := range strings.Lines(log()) {
					row.Graylane, row.Lane, row.Exposure = "", "", ""
					if json.Unmarshal([]byte(line), &row) == nil && is() {
						return true
					}
				}
				return false
			})
		}
		decided := func() bool {
			return row.Lane == "v2" && strings.HasPrefix(row.Graylane, "user-svc;lane=v2;reason=rule;rule=testers, button;lane=A;")
		}
		if !told(decided) {
			t.Errorf("the access log of the %s does not tell the decision", name)
		}
		if !told(func() bool { return row.Exposure == "button;group=A;rev=1;reason=split;id=u-1" }) {
			t.Errorf("the access log of the %s does not tell the exposure", name)
		}
		reported(t, []byte(log()), 1)
	}
}

// reported has graylane report of a log with so many exposures, and nothing that it cannot read.
func reported(t *testing.T, log []byte, exposures int) {
	t.Helper()
	folder := t.TempDir()
	conversion := `{"id": "u-1", "event": "buy", "time": "2099-01-01T00:00:00Z"}`
	for name, content := range map[string][]byte{"log": log, "events": []byte(conversion)} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(graylane, "report", "--exposures", "log", "--conversions", "events", "-o", "json")
	command.Dir = folder
	told, err := command.Output()
	var report struct {
		Rows        struct{ Exposures, Malformed int }
		Experiments []struct{ Name, From string }
	}
	if json.Unmarshal(told, &report) != nil {
		t.Fatalf("no report: %v, %s", err, told)
	}
	if report.Rows.Exposures != exposures || report.Rows.Malformed != 0 || len(report.Experiments) != 1 || report.Experiments[0].From == "" {
		t.Errorf("%d exposures, and when they were, are expected: %+v, of:\n%s", exposures, report, log)
	}
}

// tracing has every request traced.
func tracing(all []*manifest.Object) []*manifest.Object {
	for _, object := range all {
		if object.GetKind() == "Telemetry" {
			for _, traced := range object.Object["spec"].(map[string]any)["tracing"].([]any) {
				traced.(map[string]any)["randomSamplingPercentage"] = int64(100)
			}
		}
	}
	return all
}

func TestDecisionsExposuresAndSpansComeByOTLP(t *testing.T) {
	const collectorAt = "otel-collector.observability.svc.cluster.local"
	service, err := manifest.Parse([]byte(`
apiVersion: v1
kind: Service
metadata: {name: otel-collector, namespace: observability}
spec: {clusterIP: 10.96.0.99, ports: [{name: http, port: 4317, appProtocol: grpc}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := collector.Start(t, upstream.Listen(t))
	pod := discovery.Workload{App: "otel-collector", Version: "v1", Namespace: "observability", Address: c.Address}
	s := start(t, setting{
		flavour: "full telemetry by OTLP", module: countingModule(t), extra: append(service, pod.Objects()...),
		knowsCollector: true,
		edit:           func(all []*manifest.Object) []*manifest.Object { return tracing(experimenting(all)) },
	})
	for name, proxy := range map[string]struct {
		sees func(string) bool
		send func(request) string
	}{
		"gateway": {s.gateway.HasCluster, s.throughGateway}, "client": {s.client.HasCluster, s.throughClient},
	} {
		if cluster := "outbound|4317||" + collectorAt; !proxy.sees(cluster) {
			t.Fatalf("the %s has no cluster %s", name, cluster)
		}
		proxy.send(request{"x-tester": "yes", "x-gray-id": name})
		const decision = "user-svc;lane=v2;reason=rule;rule=testers, button;lane=A;"
		decided := func(told collector.Attributes) bool {
			return told["graylane.lane"] == "v2" && strings.HasPrefix(told["graylane.decision"], decision)
		}
		if !soon(func() bool { return c.Has(func(r collector.Record) bool { return r.Log && decided(r.Attributes) }) }) {
			t.Errorf("the %s sends no decision", name)
		}
		exposure := "button;group=A;rev=1;reason=split;id=" + name
		if !soon(func() bool { return c.Has(func(r collector.Record) bool { return r.Log && r.Body == exposure }) }) {
			t.Errorf("the %s does not send the exposure %s", name, exposure)
		}
		tagged := func(r collector.Record) bool {
			return !r.Log && decided(r.Attributes) && r.Attributes["graylane.group"] == "A"
		}
		if !soon(func() bool { return c.Has(tagged) }) {
			t.Errorf("the %s sends no span with lane, group and decision", name)
		}
		if t.Failed() {
			t.Fatalf("all that came:\n%s", c)
		}
		c.Forget()
	}
	reported(t, c.File(), 2)
}

// Older proxies are sent the tags that they know.
func TestAProxyThatKnowsNoTagOfAFormatHasLaneAndGroupInItsSpans(t *testing.T) {
	flavour := flavourOf(t, "full telemetry")
	cluster := append(fixture(t, "shop.yaml"), gatewayFixture(t, flavour, 8080)...)
	collector, err := manifest.Parse([]byte(`
apiVersion: v1
kind: Service
metadata: {name: otel-collector, namespace: observability}
spec: {clusterIP: 10.96.0.99, ports: [{name: grpc, port: 4317}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	cluster = append(cluster, collector...)
	server := discovery.Start(t, append(cluster, build(t, flavour, module)...), flavour.change(t))
	for name, proxy := range map[string]*model.Proxy{
		"gateway": {Type: model.Router, ConfigNamespace: "istio-ingress", Labels: map[string]string{"istio": "ingress"}},
		"sidecar": {Type: model.SidecarProxy, ConfigNamespace: "shop", Labels: map[string]string{"app": "front"}},
	} {
		for minor, tagged := range map[int]bool{28: false, 29: true} {
			proxy.IstioVersion = &model.IstioVersion{Major: 1, Minor: minor}
			sent := server.Listeners(proxy)
			for _, tag := range []string{"graylane.lane", "graylane.group"} {
				if !strings.Contains(sent, tag) {
					t.Errorf("the spans of the %s of Istio 1.%d have no %s", name, minor, tag)
				}
			}
			if strings.Contains(sent, "graylane.decision") != tagged {
				t.Errorf("%s of Istio 1.%d: a tag graylane.decision is expected: %v", name, minor, tagged)
			}
		}
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
