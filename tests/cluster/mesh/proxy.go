package mesh

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"strings"
	"testing"
	"text/template"

	core "k8s.io/api/core/v1"

	"graylane.test/cluster/envoy"
)

//go:embed bootstrap.json
var bootstrapText string

var bootstrap = template.Must(template.New("bootstrap").Funcs(template.FuncMap{
	"json": func(value any) (string, error) {
		text, err := json.Marshal(value)
		return string(text), err
	},
}).Parse(bootstrapText))

// StartGateway starts an Envoy as the gateway that a pod is, and waits until it listens on each of the addresses.
func (i *Istiod) StartGateway(t testing.TB, binary string, pod core.Pod, listens ...string) *envoy.Proxy {
	t.Helper()
	return i.start(t, binary, "router", pod, false, listens)
}

// StartSidecar starts an Envoy as the sidecar of a pod, and waits until it listens for what is captured.
func (i *Istiod) StartSidecar(t testing.TB, binary string, pod core.Pod) *envoy.Proxy {
	t.Helper()
	return i.start(t, binary, "sidecar", pod, false, []string{"0.0.0.0:" + CaptureOut})
}

// StartInbound starts an Envoy as the sidecar of a pod of which nothing is captured: a Sidecar has it listen on each of the
// addresses for what the pod is sent.
func (i *Istiod) StartInbound(t testing.TB, binary string, pod core.Pod, listens ...string) *envoy.Proxy {
	t.Helper()
	return i.start(t, binary, "sidecar", pod, true, listens)
}

// CaptureOut is the port on which a sidecar takes what its pod sends.
const CaptureOut = "15001"

func (i *Istiod) start(t testing.TB, binary, kind string, pod core.Pod, uncaptured bool, listens []string) *envoy.Proxy {
	t.Helper()
	domain := pod.Namespace + ".svc.cluster.local"
	var text bytes.Buffer
	err := bootstrap.Execute(&text, map[string]any{
		"id":   strings.Join([]string{kind, pod.Status.PodIP, pod.Name + "." + pod.Namespace, domain}, "~"),
		"pod":  pod,
		"port": i.Port,

		"uncaptured": uncaptured,
	})
	if err != nil {
		t.Fatal(err)
	}
	return envoy.Start(t, binary, pod.Name, text.String(), listens...)
}
