package mesh

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"graylane.test/mesh/manifest"
)

// ownModule is the patch by which users bring their own image, with a file in its place.
const ownModule = `patches:
- target: {kind: WasmPlugin}
  patch: |-
    - {op: replace, path: /spec/url, value: "file://%[1]s"}
- target: {kind: TrafficExtension}
  patch: |-
    - {op: replace, path: /spec/wasm/url, value: "file://%[1]s"}
- target: {kind: EnvoyFilter, name: graylane-gateway|graylane-sidecar}
  patch: |-
    - op: replace
      path: /spec/configPatches/1/patch/value/typed_config/config/vm_config/code/local/filename
      value: %[1]s
`

// build builds a flavour as users do: with a kustomization of their own over it. Without a module it is as it stands.
func build(t *testing.T, f flavour, module string) []*manifest.Object {
	t.Helper()
	if f.render != nil {
		return f.sources(t, module).render(t, f.render...)
	}
	folder := t.TempDir()
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" +
		fmt.Sprintf("resources: [%s]\n", relative(t, folder, f.kustomization))
	if f.component != "" {
		text += fmt.Sprintf("components: [%s]\n", relative(t, folder, f.component))
	}
	if module != "" {
		text += fmt.Sprintf(ownModule, module)
	}
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Build(folder)
	if err != nil {
		t.Fatal(err)
	}
	return objects
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

func fixture(t *testing.T, file string) []*manifest.Object {
	t.Helper()
	objects, err := manifest.ReadFile(filepath.Join("fixtures", file))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// without is the objects but one.
func without(objects []*manifest.Object, unwanted *manifest.Object) []*manifest.Object {
	var rest []*manifest.Object
	for _, object := range objects {
		if object != unwanted {
			rest = append(rest, object)
		}
	}
	return rest
}
