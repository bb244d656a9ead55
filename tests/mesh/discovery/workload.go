package discovery

import (
	"fmt"
	"net"

	"graylane.test/mesh/manifest"
)

// Workload is a pod of a service, as Kubernetes would show it.
type Workload struct {
	App, Version, Namespace string
	// Services that select it; that which is named after the app, where it says none.
	Services []string
	Address  *net.TCPAddr
	// Its sidecar takes mutual TLS.
	MutualTLS bool
}

// Objects are its pod, and for each of its services an EndpointSlice that makes it serve there.
func (w Workload) Objects() []*manifest.Object {
	services := w.Services
	if len(services) == 0 {
		services = []string{w.App}
	}
	objects := []*manifest.Object{w.pod()}
	for _, service := range services {
		objects = append(objects, w.slice(service))
	}
	return objects
}

func (w Workload) name() string { return fmt.Sprintf("%s-%s", w.App, w.Version) }

func (w Workload) pod() *manifest.Object {
	labels := map[string]any{"app": w.App, "version": w.Version}
	if w.MutualTLS {
		labels["security.istio.io/tlsMode"] = "istio" // as injection does
	}
	return &manifest.Object{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{
			"name": w.name(), "namespace": w.Namespace, "labels": labels,
		},
		// As injection leaves it; nothing here runs it.
		"spec": map[string]any{"serviceAccountName": "default", "containers": []any{
			map[string]any{"name": "app", "image": "app"}, map[string]any{"name": "istio-proxy", "image": "proxyv2"},
		}},
		"status": map[string]any{
			"phase": "Running", "podIP": w.Address.IP.String(),
			"podIPs":     []any{map[string]any{"ip": w.Address.IP.String()}},
			"conditions": []any{map[string]any{"type": "Ready", "status": "True"}},
		},
	}}
}

func (w Workload) slice(service string) *manifest.Object {
	return &manifest.Object{Object: map[string]any{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata": map[string]any{
			"name": service + "-" + w.Version, "namespace": w.Namespace,
			"labels": map[string]any{"kubernetes.io/service-name": service},
		},
		"ports": []any{map[string]any{"name": "http", "port": int64(w.Address.Port), "protocol": "TCP"}},
		"endpoints": []any{map[string]any{
			"addresses":  []any{w.Address.IP.String()},
			"conditions": map[string]any{"ready": true, "serving": true, "terminating": false},
			"targetRef":  map[string]any{"kind": "Pod", "name": w.name(), "namespace": w.Namespace},
		}},
	}}
}
