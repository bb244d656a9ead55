package kube

import (
	"fmt"
	"strings"

	"graylane.test/cluster/process"
)

// Kubectl runs kubectl as the cluster's administrator and returns what it prints. The test fails where kubectl does, and
// where the API server warns of something.
func (c *Cluster) Kubectl(arguments ...string) string {
	c.t.Helper()
	text, err := c.TryKubectl(arguments...)
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// TryKubectl runs kubectl where it may fail. A warning is a failure.
func (c *Cluster) TryKubectl(arguments ...string) (string, error) {
	out, faults, err := process.Run([]string{"KUBECONFIG=" + c.Kubeconfig}, c.program, append([]string{"kubectl"}, arguments...)...)
	if err == nil && strings.Contains(faults, "Warning") {
		err = fmt.Errorf("kubectl %s: %s", strings.Join(arguments, " "), faults)
	}
	return out, err
}
