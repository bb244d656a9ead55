package cluster

import (
	"testing"

	"graylane.test/cluster/eds"
	"graylane.test/cluster/process"
)

func TestEachLanesServiceMarksItsSlicesWithTheLane(t *testing.T) {
	s := openShop(t)
	s.apply("overlays/ab")
	for service, want := range map[string]struct {
		lane string
		pods int
	}{"user-svc-stable": {"stable", 4}, "user-svc-canary": {"canary", 1}, "user-svc-ab": {"ab", 2}, "user-svc": {"", 7}} {
		s.awaitEndpoints(service, want.pods)
		for _, slice := range s.slices(service) {
			if got := slice.Labels[eds.LaneLabel]; got != want.lane {
				t.Errorf("the slice %s of %s has the lane %q instead of %q", slice.Name, service, got, want.lane)
			}
		}
	}
}

func TestALaneWrittenIntoASliceOfAServiceWithASelectorIsTakenBack(t *testing.T) {
	s := openShop(t)
	s.apply("base")
	s.awaitEndpoints("user-svc", 5)
	slice := s.slices("user-svc")[0].Name
	s.kubectl("label", "endpointslice", slice, eds.LaneLabel+"=canary")
	process.Await(t, "the label is gone", func() bool {
		_, there := s.slices("user-svc")[0].Labels[eds.LaneLabel]
		return !there
	})
}

func TestALaneFollowsTheLabelOfItsService(t *testing.T) {
	s := openShop(t)
	s.apply("base")
	s.awaitEndpoints("user-svc-canary", 1)
	s.kubectl("label", "service", "user-svc-canary", eds.LaneLabel+"=stable", "--overwrite")
	process.Await(t, "the slice's lane is stable", func() bool {
		return s.slices("user-svc-canary")[0].Labels[eds.LaneLabel] == "stable"
	})
}

func TestNotReadyPodsAreFoundWhereTheServicePublishesThem(t *testing.T) {
	s := openShop(t)
	s.apply("overlays/not-ready")
	stable, canary := s.podOf("stable").Name, s.podOf("canary").Name
	for _, pod := range []string{stable, canary} {
		s.hold(pod, true)
	}
	for service, want := range map[string]conditions{
		"user-svc-canary": {pod: canary, ready: true, serving: false},
		"user-svc-stable": {pod: stable, ready: false, serving: false},
	} {
		var got conditions
		process.Await(t, "conditions of "+want.pod, func() bool { got = s.conditions(service, want.pod); return !got.serving })
		if got != want {
			t.Errorf("%s: %+v instead of %+v", service, got, want)
		}
	}
}

func TestAPodThatEndsServesAndIsReadyOnlyWhereTheServicePublishesNotReadyOnes(t *testing.T) {
	s := openShop(t)
	s.apply("overlays/not-ready")
	stable, canary := s.podOf("stable").Name, s.podOf("canary").Name
	s.awaitEndpoints("user-svc-stable", 4)
	s.awaitEndpoints("user-svc-canary", 1)
	s.kubectl("delete", "pod", stable, canary, "--wait=false")
	wanted := map[string]conditions{
		"user-svc-canary": {pod: canary, ready: true, serving: true, terminating: true},
		"user-svc-stable": {pod: stable, ready: false, serving: true, terminating: true},
	}
	process.Await(t, "both endpoints are seen as they end", func() bool {
		for service, want := range wanted {
			if s.conditions(service, want.pod) == want {
				delete(wanted, service) // it may be gone by the time that the other is seen
			}
		}
		return len(wanted) == 0
	})
}

type conditions struct {
	pod                         string
	ready, serving, terminating bool
}

// conditions are those of the endpoint of a pod.
func (s *shop) conditions(service, pod string) conditions {
	s.Helper()
	for _, one := range s.endpoints(service) {
		if one.TargetRef != nil && one.TargetRef.Name == pod {
			return conditions{pod, *one.Conditions.Ready, *one.Conditions.Serving, *one.Conditions.Terminating}
		}
	}
	return conditions{}
}
