package cluster

import (
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/fieldpath"
)

// convention is what a pod of a lane says of itself.
type convention struct{ version, trafficType string }

func TestPodsSayTheirLaneInLabelsAndEnvironment(t *testing.T) {
	s := openShop(t)
	s.apply("overlays/ab")
	for track, want := range map[string]convention{
		"stable": {version: "v1"},
		"canary": {version: "v2", trafficType: "canary"},
		"ab":     {version: "v1-ab"},
	} {
		pods := s.pods("app=user-svc,track=" + track)
		if len(pods) == 0 {
			t.Errorf("there is no pod of track %s", track)
		}
		for _, pod := range pods {
			if got := (convention{pod.Labels["version"], pod.Labels["traffic-type"]}); got != want {
				t.Errorf("%s: %+v instead of %+v", pod.Name, got, want)
			}
			if got := environment(t, &pod, "TRACK"); got != track {
				t.Errorf("%s: TRACK is %q instead of %q", pod.Name, got, track)
			}
		}
	}
	if found := len(s.pods("traffic-type=canary")); found != 1 {
		t.Errorf("%d pods of gray traffic instead of 1", found)
	}
}

// environment is a variable of a pod's container, as a kubelet works it out.
func environment(t *testing.T, pod *core.Pod, name string) string {
	t.Helper()
	for _, variable := range pod.Spec.Containers[0].Env {
		if variable.Name != name {
			continue
		}
		if variable.ValueFrom == nil || variable.ValueFrom.FieldRef == nil {
			return variable.Value
		}
		value, err := fieldpath.ExtractFieldPathAsString(pod, variable.ValueFrom.FieldRef.FieldPath)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	return ""
}
