package cluster

import (
	"strings"
	"testing"

	"graylane.test/cluster/kube"
)

func TestTheClusterHasReadyNodesInTwoZones(t *testing.T) {
	cluster := kube.Start(t, programs["controlplane"])
	got := cluster.Kubectl("get", "nodes", "--no-headers", "--label-columns=topology.kubernetes.io/zone")
	t.Log("\n" + got)
	if strings.Count(got, " Ready ") != 4 || strings.Count(got, "zone-a") != 2 {
		t.Error("four nodes are expected, two in each zone")
	}
}
