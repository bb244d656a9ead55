package mesh

import (
	"net"
	"strings"

	"graylane.test/mesh/manifest"
)

// A pod's traffic is captured by rules of its kernel. Here nothing is captured: sidecars listen where they are told, and
// are asked there.

// sidecarOut lets the sidecar of an app listen for what it sends to services on port 8080, and to others where there are any.
func sidecarOut(app, address string, others ...any) *manifest.Object {
	return sidecar(app, map[string]any{"app": app}, map[string]any{"egress": append(others, egress(address, 8080, "HTTP", "shop/*"))})
}

// egress is where a sidecar listens for what is sent to services on a port.
func egress(address string, port int64, protocol, hosts string) map[string]any {
	return map[string]any{
		"port":        map[string]any{"number": port, "protocol": protocol, "name": strings.ToLower(protocol)},
		"bind":        address,
		"captureMode": "NONE",
		"hosts":       []any{hosts},
	}
}

// sidecarIn lets the sidecar of a pod listen for what the app behind it is sent. It sends nothing itself.
func sidecarIn(app, version string, at, behind *net.TCPAddr) *manifest.Object {
	return sidecar(app+"-"+version, map[string]any{"app": app, "version": version}, map[string]any{
		"ingress": []any{map[string]any{
			"port":            map[string]any{"number": int64(at.Port), "protocol": "HTTP", "name": "http"},
			"bind":            at.IP.String(),
			"captureMode":     "NONE",
			"defaultEndpoint": behind.String(),
		}},
		"egress": []any{map[string]any{"hosts": []any{"~/*"}}},
	})
}

func sidecar(name string, labels, spec map[string]any) *manifest.Object {
	spec["workloadSelector"] = map[string]any{"labels": labels}
	return &manifest.Object{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
		"metadata": map[string]any{"name": name, "namespace": "shop"},
		"spec":     spec,
	}}
}
