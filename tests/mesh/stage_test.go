package mesh

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"graylane.test/mesh/discovery"
	"graylane.test/mesh/envoy"
	"graylane.test/mesh/manifest"
	"graylane.test/mesh/upstream"
)

const (
	outside = "user-svc.example.com"
	inside  = "user-svc.shop.svc.cluster.local:8080"
)

// stage is a small mesh: two lanes of user-svc, Istio's discovery server, a gateway, and the sidecar of a client.
type stage struct {
	*testing.T
	objects   []*manifest.Object // those of istio/, as applied
	discovery *discovery.Server
	gateway   *envoy.Proxy
	client    *envoy.Proxy
	// Where the two listen.
	gatewayAt, clientAt string
}

// start sets the stage with a kustomization of istio/, with the module that was built in the place of its image.
func start(t *testing.T, kustomization string, change func(*meshconfig.MeshConfig)) *stage {
	t.Helper()
	began := time.Now()
	s := &stage{T: t, objects: buildWithModule(t, kustomization)}
	port, address := envoy.FreePort(t), envoy.FreeAddress(t, 8080)
	s.gatewayAt = "127.0.0.1:" + strconv.Itoa(port)
	s.clientAt = address + ":8080"

	cluster := fixture(t, "fixtures/shop.yaml")
	listenOn(t, manifest.Find(cluster, "Gateway", "ingress"), port)
	cluster = append(cluster, clientSidecar(address))
	for version, lane := range map[string]string{"v1": "stable", "v2": "v2"} {
		pod := discovery.Workload{App: "user-svc", Version: version, Namespace: "shop", Address: upstream.Start(t, lane)}
		cluster = append(cluster, pod.Objects()...)
	}
	s.discovery = discovery.Start(t, append(cluster, s.objects...), change)
	s.gateway = envoy.Start(t, binary, s.discovery.Address(), envoy.Node{
		Router: true, Name: "ingress-0", Namespace: "istio-ingress", IP: "127.0.0.1", Labels: map[string]string{"istio": "ingress"},
	}, s.gatewayAt)
	s.client = envoy.Start(t, binary, s.discovery.Address(), envoy.Node{
		Name: "front-0", Namespace: "shop", IP: address, Labels: map[string]string{"app": "front"},
	}, s.clientAt)
	t.Logf("set up in %.1f s", time.Since(began).Seconds())
	return s
}

// buildWithModule builds a kustomization the way that users do who bring their own image: with a patch over it.
func buildWithModule(t *testing.T, kustomization string) []*manifest.Object {
	t.Helper()
	folder := t.TempDir()
	base, err := filepath.Abs(filepath.Join(root, "istio", kustomization))
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(folder, base)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%s]
patches:
- target: {kind: WasmPlugin}
  patch: |-
    - {op: replace, path: /spec/url, value: file://%s}
`, relative, module)
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Build(folder)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func fixture(t *testing.T, file string) []*manifest.Object {
	t.Helper()
	objects, err := manifest.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func listenOn(t *testing.T, gateway *manifest.Object, port int) {
	t.Helper()
	server := gateway.Object["spec"].(map[string]any)["servers"].([]any)[0].(map[string]any)
	server["port"].(map[string]any)["number"] = int64(port)
}

// clientSidecar makes a sidecar listen where its pod would be captured, so that nothing needs to be.
func clientSidecar(address string) *manifest.Object {
	return &manifest.Object{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
		"metadata": map[string]any{"name": "front", "namespace": "shop"},
		"spec": map[string]any{
			"workloadSelector": map[string]any{"labels": map[string]any{"app": "front"}},
			"egress": []any{map[string]any{
				"port":        map[string]any{"number": int64(8080), "protocol": "HTTP", "name": "http"},
				"bind":        address,
				"captureMode": "NONE",
				"hosts":       []any{"shop/*"},
			}},
		},
	}}
}

// request is one to user-svc.
type request map[string]string

// ask sends a request and returns who answered; anything but a 200 is an error.
func ask(at, host string, headers request) (upstream.Answer, error) {
	var answer upstream.Answer
	asked, err := http.NewRequest("GET", "http://"+at+"/", nil)
	if err != nil {
		return answer, err
	}
	asked.Host = host
	for name, value := range headers {
		asked.Header.Set(name, value)
	}
	got, err := http.DefaultClient.Do(asked)
	if err != nil {
		return answer, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return answer, err
	}
	if got.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("%d: %s", got.StatusCode, body)
	}
	return answer, json.Unmarshal(body, &answer)
}

func (s *stage) throughGateway(headers request) upstream.Answer {
	return s.ask(s.gatewayAt, outside, headers)
}
func (s *stage) throughClient(headers request) upstream.Answer {
	return s.ask(s.clientAt, inside, headers)
}

func (s *stage) ask(at, host string, headers request) upstream.Answer {
	s.Helper()
	answer, err := ask(at, host, headers)
	if err != nil {
		s.Fatalf("%s %v: %v", host, headers, err)
	}
	return answer
}
