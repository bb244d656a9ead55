package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"graylane.test/cluster/process"
)

// bridge is graylane sync istio, which keeps the plugins of a mesh as a folder says.
type bridge struct {
	*process.Process
	*meshed
	folder, facts string
}

// startBridge starts one with the facts of istio/, the module that was built, and one more service, which only its own namespace
// calls.
func (m *meshed) startBridge(options ...string) *bridge {
	m.Helper()
	b := &bridge{meshed: m, folder: m.TempDir()}
	facts := read(m.T, filepath.Join(root, "istio/facts.yaml"))
	image := "oci://registry.example.com/graylane@sha256:" + strings.Repeat("0", 64)
	facts = strings.Replace(facts, image, "file://"+module, 1) + "- {release: stock, name: stock, namespace: shop, lanes: {}}\n"
	b.facts = write(m.T, filepath.Join(m.TempDir(), "facts.yaml"), facts)
	b.share(5)
	b.again(options...)
	return b
}

// again starts it, after its end too.
func (b *bridge) again(options ...string) {
	b.Helper()
	arguments := append([]string{"sync", "istio", "--from", b.folder, "--facts", b.facts}, options...)
	b.Process = process.Start(b.T, "graylane", b.environment(), programs["graylane"], arguments...)
}

func (m *meshed) environment() []string {
	return []string{"KUBECONFIG=" + m.Kubeconfig, "KUBECTL=" + programs["kubectl"]}
}

// write replaces a file of the folder in one step.
func (b *bridge) write(name, text string) {
	b.Helper()
	next := write(b.T, filepath.Join(b.folder, ".next"), text)
	if err := os.Rename(next, filepath.Join(b.folder, name)); err != nil {
		b.Fatal(err)
	}
}

// share writes the policy of istio/ with this share of v2.
func (b *bridge) share(percent int) {
	b.Helper()
	policy := read(b.T, filepath.Join(root, "istio/policy.yaml"))
	b.write("policy.yaml", strings.Replace(policy, "percent: 5}", fmt.Sprintf("percent: %d}", percent), 1))
}

// plugin is what is asked of a plugin.
func (b *bridge) plugin(name, namespace, path string) string {
	b.Helper()
	return b.Kubectl("get", "wasmplugin", name, "--namespace="+namespace, "--output=jsonpath={"+path+"}")
}

func (b *bridge) atGateway(path string) string {
	return b.plugin("graylane-gateway", "istio-ingress", path)
}
func (b *bridge) inShop(path string) string { return b.plugin("graylane-sidecar", "shop", path) }

// version is the later one of the policies in the plugins.
func (b *bridge) version() int {
	b.Helper()
	const path = ".spec.pluginConfig.policy.version"
	var gateway, shop int
	if _, err := fmt.Sscan(b.atGateway(path)+" "+b.inShop(path), &gateway, &shop); err != nil {
		b.Fatal(err)
	}
	return max(gateway, shop)
}

// says waits until the bridge has said something.
func (b *bridge) says(what string) {
	b.Helper()
	b.Await("to say "+what, func() bool { return strings.Contains(b.Log(), what) })
}

const releases = ".spec.pluginConfig.policy.releases[*].name"

// canary is a release of a service beside.
func canary(name string, percent int) string {
	release := map[string]any{
		"name": name, "match": map[string]any{"hosts": []string{name + ".shop.svc.cluster.local"}},
		"lanes":   []map[string]any{{"name": "stable"}, {"name": "v2"}},
		"canary":  map[string]any{"stable": "stable", "candidates": []map[string]any{{"lane": "v2", "percent": percent}}},
		"respond": map[string]any{"cache": "private"},
	}
	text, _ := json.Marshal(release)
	return string(text)
}

func TestABridgeKeepsThePluginsOfAMeshAsAFolderSays(t *testing.T) {
	m := openMesh(t)
	s := m.start(t, flavours[0])
	s.awaitPolicy(asWritten.version)
	b := m.startBridge()

	// What is as it should be is left alone, and what another field manager has written is not written over, nor half of it.
	b.share(20)
	b.says("WasmPlugin istio-ingress/graylane-gateway: ")
	b.says("--force-conflicts")
	m.Kubectl("delete", "wasmplugin", "graylane-gateway", "--namespace=istio-ingress")
	m.Kubectl("delete", "wasmplugin", "graylane-sidecar", "--namespace=shop")
	b.Await("has written the mesh", func() bool { return strings.Contains(b.Log(), "live in the mesh") })
	s.awaitLane("v2", headers{"x-tester": "yes"})

	version := b.version()
	load := startLoad(t, "a bridge raises the share", s.outside, s.inside)
	load.pass(100)
	began := time.Now()
	b.share(100)
	b.says(fmt.Sprintf("version %d of the policy, 2 objects of 3", version+1))
	s.awaitPolicy(version + 1)
	t.Logf("a share in the folder is in force in both proxies after %.1f s", time.Since(began).Seconds())
	load.pass(200)
	load.end()
	s.outside.expect(t, "v2", headers{"x-gray-id": "user-1"})

	// A release that nobody at the gateway asks for does not touch it.
	generation := b.atGateway(".metadata.generation")
	b.write("stock.yaml", canary("stock", 5))
	b.says(fmt.Sprintf("version %d of the policy, 1 object of 3", version+2))
	if got := b.inShop(releases); got != "stock user-svc" {
		t.Errorf("the sidecars of shop have the releases %q", got)
	}
	if got := b.atGateway(releases); got != "user-svc" || b.atGateway(".metadata.generation") != generation {
		t.Errorf("the gateway was written anew, or has the releases %q", got)
	}

	// What is wrong changes nothing, and what others take away comes back.
	b.write("stock.yaml", canary("stock", 500))
	b.says("stock.yaml: refused")
	m.Kubectl("delete", "wasmplugin", "graylane-sidecar", "--namespace=shop")
	process.Await(t, "the plugin is there again", func() bool {
		return m.Kubectl("get", "wasmplugins", "--namespace=shop", "--output=name") != ""
	})
	if got := b.inShop(releases); got != "stock user-svc" {
		t.Errorf("the sidecars of shop have the releases %q", got)
	}
	// What clients may not claim is removed at the gateway, though the plugin may be absent there.
	b.write("stock.yaml", strings.Replace(canary("stock", 5), "{", `{"overrides": {"headers": ["x-stock-lane"]}, `, 1))
	process.Await(t, "the gateway removes the header", func() bool {
		removed := m.Kubectl("get", "envoyfilter", "graylane-early-removal", "--namespace=istio-ingress", "--output=yaml")
		return strings.Contains(removed, "x-stock-lane") && strings.Contains(b.atGateway(releases), "stock")
	})

	// Half of a change, as a bridge that was killed may leave it, is carried on and not taken back.
	b.Kill()
	m.Kubectl("patch", "wasmplugin", "graylane-gateway", "--namespace=istio-ingress", "--type=json", "--field-manager=graylane",
		`--patch=[{"op": "replace", "path": "/spec/pluginConfig/policy/releases/1/name", "value": "z-user-svc"},
			{"op": "replace", "path": "/spec/pluginConfig/policy/version", "value": 1000}]`)
	policy := strings.Replace(read(t, filepath.Join(b.folder, "policy.yaml")), "name: user-svc", "name: z-user-svc", 1)
	b.write("policy.yaml", policy)
	b.again("--force-conflicts")
	b.says("version 1001 of the policy")
	if got := b.inShop(releases); got != "stock z-user-svc" {
		t.Errorf("the sidecars of shop have the releases %q", got)
	}
	if got := b.atGateway(".spec.pluginConfig.policy.version"); got != "1000" {
		t.Errorf("the gateway was written once more, and has version %s", got)
	}
	for name, proxy := range s.proxies() {
		if refused := proxy.Rejected(); refused > 0 {
			t.Errorf("the %s refused %d updates", name, refused)
		}
	}
}

func TestAPluginThatNoAPIServerWouldKeepIsNotWritten(t *testing.T) {
	m := &meshed{shop: openShopWithIstio(t)}
	b := m.startBridge()
	b.says("version 1 of the policy, 3 objects of 3")
	many := func(count int) string {
		var all []string
		for number := range count {
			all = append(all, canary(fmt.Sprint("stock-", number), 5))
		}
		return "{\"language\": 1, \"releases\": [" + strings.Join(all, ",") + "]}"
	}
	b.write("many.json", many(6700))
	b.says("version 2 of the policy, 2 objects of 3")
	b.write("many.json", many(7200))
	b.says("WasmPlugin shop/graylane-sidecar would have 15")
	if got := len(strings.Fields(b.inShop(releases))); got != 6701 {
		t.Errorf("the sidecars of shop have %d releases", got)
	}
	// Or the limit would be for nothing.
	plugin := fmt.Sprintf(`{"apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
		"metadata": {"name": "large", "namespace": "shop"}, "spec": {"url": "file:///a", "pluginConfig": {"policy": %s}}}`, many(7300))
	if _, err := m.TryKubectl("apply", "--server-side", "--filename="+write(t, filepath.Join(t.TempDir(), "large.json"), plugin)); err == nil {
		t.Error("the API server keeps larger ones")
	}
}
