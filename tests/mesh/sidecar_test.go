package mesh

import (
	"net"

	"graylane.test/mesh/manifest"
)

// A pod's traffic is captured by rules of its kernel. Here nothing is captured: sidecars listen where they are told, and
// are asked there.

// sidecarOut lets the sidecar of an app listen for what it sends to services on port 8080.
func sidecarOut(app, address string) *manifest.Object {
	return sidecar(app, map[string]any{"app": app}, "egress", map[string]any{
		"port":        map[string]any{"number": int64(8080), "protocol": "HTTP", "name": "http"},
		"bind":        address,
		"captureMode": "NONE",
		"hosts":       []any{"shop/*"},
	})
}

// sidecarIn lets the sidecar of a pod listen for what the app behind it is sent.
func sidecarIn(app, version string, at, behind *net.TCPAddr) *manifest.Object {
	return sidecar(app+"-"+version, map[string]any{"app": app, "version": version}, "ingress", map[string]any{
		"port":            map[string]any{"number": int64(at.Port), "protocol": "HTTP", "name": "http"},
		"bind":            at.IP.String(),
		"captureMode":     "NONE",
		"defaultEndpoint": behind.String(),
	})
}

func sidecar(name string, labels map[string]any, direction string, listener map[string]any) *manifest.Object {
	return &manifest.Object{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
		"metadata": map[string]any{"name": name, "namespace": "shop"},
		"spec": map[string]any{
			"workloadSelector": map[string]any{"labels": labels},
			direction:          []any{listener},
		},
	}}
}
