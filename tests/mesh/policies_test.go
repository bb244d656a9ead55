package mesh

import (
	"encoding/json"
	"testing"

	"graylane.test/mesh/manifest"
)

// One policy, many copies: where they differ, somebody has changed one and not the others.
func TestEveryObjectThatLoadsTheModuleHasTheSamePolicy(t *testing.T) {
	var first, of string
	for _, flavour := range all() {
		for _, object := range build(t, flavour, "") {
			if !isPlugin(object) {
				continue
			}
			settings, _ := pluginConfig(t, object.DeepCopy())
			wanted := map[string]any{"graylane-gateway": "edge", "graylane-sidecar": "mesh"}[object.GetName()]
			if settings["trust"] != wanted {
				t.Errorf("%s, %s: trust is %v, not %v", flavour.name, manifest.Name(object), settings["trust"], wanted)
			}
			policy := withoutClusters(t, settings["policy"].(map[string]any))
			if first == "" {
				first, of = policy, manifest.Name(object)
			} else if policy != first {
				t.Errorf("%s, %s has another policy than %s:\n%s\n%s", flavour.name, manifest.Name(object), of, policy, first)
			}
		}
	}
}

// withoutClusters is a policy as text, without the clusters that it names where lanes are many.
func withoutClusters(t *testing.T, policy map[string]any) string {
	t.Helper()
	for _, lane := range release(policy)["lanes"].([]any) {
		delete(lane.(map[string]any), "cluster")
	}
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The README of istio/ says to quote it.
func TestToKubectlTheKeyOffIsNoText(t *testing.T) {
	objects, err := manifest.Parse([]byte("kind: List\nbare: {off: true}\nquoted: {\"off\": true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	read := objects[0].Object
	if bare := read["bare"].(map[string]any); bare["false"] != true || len(bare) != 1 {
		t.Errorf("now it is read as %v", bare)
	}
	if quoted := read["quoted"].(map[string]any); quoted["off"] != true || len(quoted) != 1 {
		t.Errorf("in quotes it is read as %v", quoted)
	}
}
