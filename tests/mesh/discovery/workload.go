package discovery

import (
	"fmt"
	"net"

	"graylane.test/mesh/manifest"
)

// Workload is a pod of a service, as Kubernetes would show it.
type Workload struct {
	App, Version, Namespace string
	Address                 *net.TCPAddr
}

// Objects are its pod and an EndpointSlice that makes it serve.
func (w Workload) Objects() []*manifest.Object {
	name := fmt.Sprintf("%s-%s", w.App, w.Version)
	labels := map[string]any{"app": w.App, "version": w.Version}
	return []*manifest.Object{
		{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": map[string]any{"name": name, "namespace": w.Namespace, "labels": labels},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "app"}}},
			"status": map[string]any{
				"phase": "Running", "podIP": w.Address.IP.String(),
				"podIPs":     []any{map[string]any{"ip": w.Address.IP.String()}},
				"conditions": []any{map[string]any{"type": "Ready", "status": "True"}},
			},
		}},
		{Object: map[string]any{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
			"metadata": map[string]any{
				"name": name, "namespace": w.Namespace,
				"labels": map[string]any{"kubernetes.io/service-name": w.App},
			},
			"ports": []any{map[string]any{"name": "http", "port": int64(w.Address.Port), "protocol": "TCP"}},
			"endpoints": []any{map[string]any{
				"addresses":  []any{w.Address.IP.String()},
				"conditions": map[string]any{"ready": true, "serving": true, "terminating": false},
				"targetRef":  map[string]any{"kind": "Pod", "name": name, "namespace": w.Namespace},
			}},
		}},
	}
}
