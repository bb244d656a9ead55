package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1"

	"graylane.test/cluster/envoy"
	"graylane.test/cluster/kube"
	"graylane.test/cluster/mesh"
	"graylane.test/cluster/network"
	"graylane.test/cluster/process"
)

// meshed is a shop in a mesh: Istio's definitions, its control plane, and two lanes of user-svc.
type meshed struct {
	*shop
	istiod *mesh.Istiod
}

const meshConfig = `
# Or proxies get istio.stats, which Envoy as it comes from its makers has not.
defaultProviders: {}
# Or proxies wait for certificates from an agent.
enableAutoMtls: false
`

func openMesh(t *testing.T) *meshed {
	t.Helper()
	m := &meshed{shop: openShopWithIstio(t)}
	m.Kubectl("create", "namespace", "istio-system")
	m.Kubectl("apply", "--filename=fixtures/mesh.yaml")
	m.rollout()
	m.istiod = mesh.StartIstiod(t, programs["pilot-discovery"], m.Kubeconfig, meshConfig)
	network.Capture(t, kube.ServiceRange, mesh.CaptureOut)
	return m
}

// openShopWithIstio is a shop whose API server knows the kinds of Istio and of the Gateway API. Nobody acts on them yet.
func openShopWithIstio(t *testing.T) *shop {
	t.Helper()
	s := openShop(t)
	s.Kubectl("apply", "--server-side", "--filename="+programs["istio-crds"])
	s.Kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	s.Kubectl("apply", "--server-side", "--filename=../mesh/fixtures/shop.yaml")
	return s
}

// stage is a flavour in force: its manifests, a gateway, and the sidecar of a client.
type stage struct {
	*testing.T
	mesh            *meshed
	flavour, folder string
	gateway, client *envoy.Proxy
	outside, inside entrance
}

func (m *meshed) start(t *testing.T, f flavour) *stage {
	t.Helper()
	s := &stage{T: t, mesh: m, flavour: f.name, folder: f.folder(t)}
	port := process.FreePorts(t, 1)[0]
	s.outside = entrance{at: "127.0.0.1:" + port, host: "user-svc.example.com", label: "lane"}
	s.inside = entrance{at: "10.96.0.10:8080", host: "user-svc.shop.svc.cluster.local:8080", label: "lane"}
	gateway, err := os.ReadFile(filepath.Join("../mesh/fixtures", f.gateway))
	if err != nil {
		t.Fatal(err)
	}
	// Server-side, since istiod may have made some of it by itself.
	m.applyText(t, strings.ReplaceAll(string(gateway), "${PORT}", port), "--server-side", "--force-conflicts")
	m.Kubectl("apply", "--dry-run=server", "--kustomize="+s.folder) // as it is
	s.apply(asWritten)
	s.gateway = m.istiod.StartGateway(t, programs["envoy"], m.pod(t, "istio-ingress", "istio=ingress"), s.outside.at)
	s.client = m.istiod.StartSidecar(t, programs["envoy"], m.pod(t, "shop", "app=front"))
	return s
}

// apply applies the flavour with a policy.
func (s *stage) apply(p policy) {
	s.Helper()
	s.Log("\n" + s.mesh.applyText(s.T, p.change(s.mesh.Kubectl("kustomize", s.folder))))
}

// applyText applies objects. They are removed when the test ends.
func (m *meshed) applyText(t *testing.T, objects string, flags ...string) string {
	t.Helper()
	file := write(t, filepath.Join(t.TempDir(), "objects.yaml"), objects)
	t.Cleanup(func() { m.Kubectl("delete", "--ignore-not-found", "--filename="+file) })
	return m.Kubectl(append(flags, "apply", "--filename="+file)...)
}

func (m *meshed) pod(t *testing.T, namespace, selector string) core.Pod {
	t.Helper()
	var found core.Pod
	process.Await(t, "a pod "+selector, func() bool {
		list, err := m.Client.CoreV1().Pods(namespace).List(t.Context(), v1.ListOptions{LabelSelector: selector})
		if err != nil || len(list.Items) == 0 {
			return false
		}
		found = list.Items[0]
		return isServing(&found)
	})
	return found
}

// proxies by name.
func (s *stage) proxies() map[string]*envoy.Proxy {
	return map[string]*envoy.Proxy{"gateway": s.gateway, "client": s.client}
}

// awaitPolicy waits until both proxies have the policy of that version.
func (s *stage) awaitPolicy(version int) {
	s.Helper()
	for name, proxy := range s.proxies() {
		proxy.Await(name+" has the policy", func() bool {
			return proxy.Sum(func(stat string) bool {
				return strings.HasPrefix(stat, "wasmcustom.graylane.policy_version.")
			}) == version
		})
	}
}
