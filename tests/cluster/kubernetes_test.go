package cluster

import (
	"path/filepath"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1"

	"graylane.test/cluster/kube"
	"graylane.test/cluster/pods"
	"graylane.test/cluster/process"
)

// namespace is the one that the manifests are written for.
const namespace = "shop"

// shop is a cluster with the namespace that the manifests are written for, whose pods answer.
type shop struct {
	*testing.T
	*kube.Cluster
	apps *pods.Apps
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{T: t, Cluster: kube.Start(t, programs["controlplane"])}
	s.Kubectl("create", "namespace", namespace, "--save-config")
	s.apps = pods.Serve(t, s.Client)
	return s
}

// apply applies a folder of kubernetes/, as it is, and waits until its pods are ready.
func (s *shop) apply(folder string) {
	s.Helper()
	s.Log("\n" + s.Kubectl("apply", "--kustomize="+filepath.Join(root, "kubernetes", folder)))
	s.rollout()
}

// rollout waits until every Deployment has the pods that it asks for.
func (s *shop) rollout() {
	s.Helper()
	for _, name := range strings.Fields(s.kubectl("get", "deployments", "--output=name")) {
		s.kubectl("rollout", "status", name, "--timeout=90s")
	}
}

// kubectl runs kubectl in the namespace of the shop.
func (s *shop) kubectl(arguments ...string) string {
	s.Helper()
	return s.Kubectl(append(arguments, "--namespace="+namespace)...)
}

// slices are the EndpointSlices of a service.
func (s *shop) slices(service string) []discovery.EndpointSlice {
	s.Helper()
	found, err := s.Client.DiscoveryV1().EndpointSlices(namespace).List(s.Context(),
		v1.ListOptions{LabelSelector: discovery.LabelServiceName + "=" + service})
	if err != nil {
		s.Fatal(err)
	}
	return found.Items
}

// endpoints are those of a service, from all of its slices.
func (s *shop) endpoints(service string) []discovery.Endpoint {
	s.Helper()
	var all []discovery.Endpoint
	for _, slice := range s.slices(service) {
		all = append(all, slice.Endpoints...)
	}
	return all
}

// awaitEndpoints waits until a service has so many endpoints.
func (s *shop) awaitEndpoints(service string, count int) []discovery.Endpoint {
	s.Helper()
	var found []discovery.Endpoint
	process.Await(s.T, "endpoints of "+service, func() bool {
		found = s.endpoints(service)
		return len(found) == count
	})
	return found
}

// pods are those that a label selector finds.
func (s *shop) pods(selector string) []core.Pod {
	s.Helper()
	found, err := s.Client.CoreV1().Pods(namespace).List(s.Context(), v1.ListOptions{LabelSelector: selector})
	if err != nil {
		s.Fatal(err)
	}
	return found.Items
}

// podOf is one of a track that is ready, and is not about to end.
func (s *shop) podOf(track string) core.Pod {
	s.Helper()
	for _, pod := range s.pods("track=" + track) {
		if isServing(&pod) {
			return pod
		}
	}
	s.Fatalf("no pod of track %s serves", track)
	return core.Pod{}
}

// hold makes a pod not ready, or ready again.
func (s *shop) hold(pod string, held bool) {
	s.Helper()
	mark := "kwok.test/hold-"
	if held {
		mark = "kwok.test/hold=true"
	}
	s.kubectl("annotate", "pod", pod, mark)
}

func isServing(pod *core.Pod) bool {
	return pod.DeletionTimestamp == nil && isReady(pod)
}

func isReady(pod *core.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == core.PodReady {
			return condition.Status == core.ConditionTrue
		}
	}
	return false
}
