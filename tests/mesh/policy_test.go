package mesh

import (
	"encoding/json"
	"testing"

	"graylane.test/mesh/envoy"
	"graylane.test/mesh/manifest"
)

// changePolicy changes the policy of every object that loads the module, wherever the object keeps it, and applies them.
func (s *stage) changePolicy(change func(policy map[string]any)) {
	s.Helper()
	for at, object := range s.objects {
		if isPlugin(object) {
			s.objects[at] = withPolicy(s.T, object, change)
			s.discovery.Apply(s.objects[at])
		}
	}
}

// toVersion changes the policy, gives it a version, and waits until both proxies have it.
func (s *stage) toVersion(version int64, change func(policy map[string]any)) {
	s.Helper()
	s.changePolicy(func(policy map[string]any) {
		policy["version"] = version
		if change != nil {
			change(policy)
		}
	})
	for name, proxy := range map[string]*envoy.Proxy{"gateway": s.gateway, "client": s.client} {
		if !soon(func() bool { return proxy.Stat("wasmcustom.graylane.policy_version.", "") == int(version) }) {
			s.Fatalf("the %s does not get policy %d", name, version)
		}
	}
}

// withPolicy is an object that loads the module, with a changed policy.
func withPolicy(t *testing.T, object *manifest.Object, change func(policy map[string]any)) *manifest.Object {
	t.Helper()
	changed := object.DeepCopy()
	settings, write := pluginConfig(t, changed)
	change(settings["policy"].(map[string]any))
	write(settings)
	return changed
}

// pluginConfig is what an object hands to the module, and a way to write it back.
func pluginConfig(t *testing.T, object *manifest.Object) (settings map[string]any, write func(map[string]any)) {
	t.Helper()
	spec := object.Object["spec"].(map[string]any)
	keep := func(map[string]any) {} // it is changed in place
	switch object.GetKind() {
	case "WasmPlugin":
		return spec["pluginConfig"].(map[string]any), keep
	case "TrafficExtension":
		return spec["wasm"].(map[string]any)["pluginConfig"].(map[string]any), keep
	}
	patch := spec["configPatches"].([]any)[1].(map[string]any)["patch"].(map[string]any)["value"].(map[string]any)
	text := patch["typed_config"].(map[string]any)["config"].(map[string]any)["configuration"].(map[string]any)
	if err := json.Unmarshal([]byte(text["value"].(string)), &settings); err != nil {
		t.Fatal(err)
	}
	return settings, func(settings map[string]any) {
		written, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		text["value"] = string(written)
	}
}

// release is the one release of a policy.
func release(policy map[string]any) map[string]any {
	return policy["releases"].([]any)[0].(map[string]any)
}

// percent sets the share of v2.
func percent(share int64) func(map[string]any) {
	return func(policy map[string]any) {
		candidates := release(policy)["canary"].(map[string]any)["candidates"].([]any)
		candidates[0].(map[string]any)["percent"] = share
	}
}
