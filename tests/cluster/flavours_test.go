package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A flavour is a way to wire graylane into a mesh: a kustomization of istio/, and a component on top of it where there is one.
type flavour struct {
	name, kustomization, component string
	// The file of tests/mesh with its gateway.
	gateway string
}

var flavours = []flavour{
	{name: "WasmPlugin", kustomization: "base", gateway: "gateway.yaml"},
	{name: "EnvoyFilter", kustomization: "overlays/envoyfilter", gateway: "gateway.yaml"},
	{name: "TrafficExtension", kustomization: "overlays/trafficextension", gateway: "gateway.yaml"},
	{name: "Gateway API", kustomization: "overlays/gateway-api", gateway: "gateway-api.yaml"},
	{name: "many lanes", kustomization: "base", component: "components/many-lanes", gateway: "gateway.yaml"},
	{name: "telemetry", kustomization: "base", component: "components/telemetry", gateway: "gateway.yaml"},
}

// folder writes a kustomization of the flavour, as users do.
func (f flavour) folder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	text := "resources: [" + relative(t, folder, f.kustomization) + "]\n"
	if f.component != "" {
		text += "components: [" + relative(t, folder, f.component) + "]\n"
	}
	write(t, filepath.Join(folder, "kustomization.yaml"), text)
	return folder
}

// relative is the way from a folder to one of istio/: a kustomization takes no other.
func relative(t *testing.T, from, to string) string {
	t.Helper()
	absolute, err := filepath.Abs(filepath.Join(root, "istio", to))
	if err != nil {
		t.Fatal(err)
	}
	way, err := filepath.Rel(from, absolute)
	if err != nil {
		t.Fatal(err)
	}
	return way
}

// policy is what a test changes of a policy that stands in a manifest, as YAML or as JSON.
type policy struct{ version, percent int }

// asWritten is what the manifests say.
var asWritten = policy{version: 1, percent: 5}

// change puts the policy's numbers into the manifests, and the module that was built in the place of the image.
func (p policy) change(manifests string) string {
	for what, now := range map[string]int{"version": p.version, "percent": p.percent} {
		before := map[string]int{"version": asWritten.version, "percent": asWritten.percent}[what]
		for _, form := range []string{"%s: %d\n", `"%s": %d`} {
			manifests = strings.ReplaceAll(manifests, fmt.Sprintf(form, what, before), fmt.Sprintf(form, what, now))
		}
	}
	image := "oci://registry.example.com/graylane@sha256:" + strings.Repeat("0", 64)
	return strings.NewReplacer(image, "file://"+module, "/etc/graylane/graylane.wasm", module).Replace(manifests)
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
