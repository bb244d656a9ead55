package cluster

import (
	"strings"
	"testing"

	"graylane.test/cluster/pods"
	"graylane.test/cluster/process"
)

// From outside by the gateway, and from a pod by its own sidecar, to the sidecar of the pod that answers.
func TestARequestGoesThroughTheSidecarsOfBothEnds(t *testing.T) {
	m := openMesh(t)
	m.kubectl("scale", "deployment/user-svc-v2", "--replicas=1")
	process.Await(t, "one pod of v2", func() bool { return len(m.pods("version=v2")) == 1 })
	pod, behind := m.pod(t, "shop", "app=user-svc,version=v2"), "127.0.0.1"
	m.apps.Outside(behind, pod.Labels)
	m.applyText(t, strings.ReplaceAll(read(t, "fixtures/inbound.yaml"), "${POD}", pod.Status.PodIP))
	inbound := m.istiod.StartInbound(t, programs["envoy"], pod, pod.Status.PodIP+":"+pods.Port)

	s := m.start(t, flavours[0])
	s.awaitPolicy(asWritten.version)
	s.keepsTheContract()
	for _, from := range []entrance{s.outside, s.inside} {
		answer, err := from.send(fresh, headers{"x-tester": "yes"})
		figures.count(answer.Labels["lane"], err)
		if err != nil || answer.Pod != behind {
			t.Errorf("%s: %q answers, not the app behind the sidecar (%v)", from.host, answer.Pod, err)
		}
	}
	load := startLoad(t, "pods of v2 have sidecars", s.outside, s.inside)
	load.pass(1000)
	load.end()
	through := func(prefix, suffix string) int {
		return inbound.Sum(func(stat string) bool { return strings.HasPrefix(stat, prefix) && strings.HasSuffix(stat, suffix) })
	}
	if got := through("http.inbound_", ".downstream_rq_total"); got < load.lanes["v2"] {
		t.Errorf("%d requests came through the sidecar of v2, and %d were answered", got, load.lanes["v2"])
	}
	if through("wasmcustom.graylane.decisions.", "") > 0 || through("wasmcustom.graylane.ungoverned", "") > 0 {
		t.Error("a sidecar decides about what comes in")
	}
	if refused := inbound.Rejected(); refused > 0 {
		t.Errorf("the sidecar of v2 refused %d updates", refused)
	}
}
