package mesh

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/config/mesh"
	"sigs.k8s.io/yaml"
)

// A flavour is a way to wire graylane into a mesh.
type flavour struct {
	name string
	// The kustomization of istio/ that is applied, and a component on top of it where there is one.
	kustomization, component string
	// The files that it brings, besides its kustomization. TestEveryFileOfIstioCarriesTraffic holds them to istio/.
	files []string
	// Its gateway is one of the Gateway API, rather than Istio's own.
	gatewayAPI bool
	// The file that says what it asks of the mesh's configuration.
	meshConfig string
	// What is handed to graylane render, where that writes it: its format and options.
	render []string
	// It loads a file of the proxy's container, and no image.
	loadsFile bool
}

var flavours = []flavour{
	{name: "WasmPlugin", kustomization: "base", files: []string{
		"destination-rule.yaml", "virtual-service.yaml", "virtual-service-gateway.yaml",
		"wasm-plugin-gateway.yaml", "wasm-plugin-sidecar.yaml", "early-removal.yaml",
	}},
	{name: "EnvoyFilter", kustomization: "overlays/envoyfilter", files: []string{
		"envoy-filter-gateway.yaml", "envoy-filter-sidecar.yaml",
	}},
	{name: "TrafficExtension", kustomization: "overlays/trafficextension", files: []string{
		"traffic-extension-gateway.yaml", "traffic-extension-sidecar.yaml",
	}},
	{name: "Gateway API", kustomization: "overlays/gateway-api", gatewayAPI: true, files: []string{
		"services.yaml", "http-route-gateway.yaml", "http-route-mesh.yaml",
	}},
	{name: "many lanes", kustomization: "base", component: "components/many-lanes", files: []string{
		"cluster-header.yaml",
	}},
	{name: "telemetry", kustomization: "base", component: "components/telemetry", meshConfig: "mesh-config.yaml", files: []string{
		"telemetry-gateway.yaml", "telemetry-sidecar.yaml",
	}},
	{name: "full telemetry", kustomization: "base", component: "components/telemetry-full", meshConfig: "mesh-config.yaml", files: []string{
		"telemetry-gateway.yaml", "telemetry-sidecar.yaml",
	}},
	{name: "full telemetry by OTLP", kustomization: "base", component: "components/telemetry-full", meshConfig: "mesh-config-otlp.yaml", files: []string{
		"telemetry-gateway.yaml", "telemetry-sidecar.yaml",
	}},
	{name: "access log as text", kustomization: "base", component: "components/access-log", meshConfig: "mesh-config-text.yaml"},
	{name: "access log as JSON", kustomization: "base", component: "components/access-log", meshConfig: "mesh-config-json.yaml"},
}

// rendered is what the command-line tool writes for a mesh.
var rendered = []flavour{
	{name: "rendered WasmPlugin", render: []string{"istio"}},
	{name: "rendered TrafficExtension", render: []string{"istio", "--extension", "traffic-extension"}},
	{name: "rendered EnvoyFilter", render: []string{"istio", "--extension", "envoy-filter"}, loadsFile: true},
	{name: "rendered Gateway API", render: []string{"gateway-api"}, gatewayAPI: true},
}

// all is every flavour: those that stand in istio/, and those that are rendered.
func all() []flavour { return slices.Concat(flavours, rendered) }

// folder is where its files are, below istio/.
func (f flavour) folder() string {
	if f.component != "" {
		return f.component
	}
	return f.kustomization
}

func flavourOf(t *testing.T, name string) flavour {
	t.Helper()
	for _, flavour := range all() {
		if flavour.name == name {
			return flavour
		}
	}
	t.Fatalf("there is no flavour %s", name)
	return flavour{}
}

// change reads what the flavour asks of the mesh's configuration.
func (f flavour) change(t *testing.T) func(*meshconfig.MeshConfig) {
	t.Helper()
	if f.meshConfig == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(root, "istio", f.folder(), f.meshConfig))
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		MeshConfig map[string]any `json:"meshConfig"`
	}
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	settings, err := yaml.Marshal(values.MeshConfig)
	if err != nil {
		t.Fatal(err)
	}
	return func(config *meshconfig.MeshConfig) {
		if _, err := mesh.ApplyMeshConfig(string(settings), config); err != nil {
			t.Errorf("%s: %v", f.meshConfig, err)
		}
	}
}
