// Package cluster holds what is in kubernetes/ and istio/ to a real Kubernetes, a real istiod and real Envoys.
package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/klog/v2"

	"graylane.test/cluster/kube"
	"graylane.test/cluster/network"
)

// root is the top of the repository: tests run in their own folder.
const root = "../.."

// Programs that set-up has left, by the name of the file that says where each stands.
var programs = map[string]string{}

// The module that set-up has left.
var module string

func TestMain(m *testing.M) {
	klog.SetLogger(klog.Logger{}) // says nothing: clients complain when a test takes their API server away
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "tests/cluster:", err)
		os.Exit(2)
	}
	code := m.Run()
	fmt.Println(&figures)
	os.Exit(code)
}

func prepare() error {
	for _, name := range []string{"controlplane", "kubectl", "pilot-discovery", "lane-eds", "istio-crds", "envoy"} {
		path, err := os.ReadFile(filepath.Join(root, "target/setup", name))
		if err != nil {
			return fmt.Errorf("there is no %s (%w); bring it and run the tests: make test-cluster", name, err)
		}
		programs[name] = strings.TrimSpace(string(path))
	}
	path, err := filepath.Abs(filepath.Join(root, "target/graylane.wasm"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return fmt.Errorf("there is no module (%w); build it and run the tests: make test-cluster", err)
	}
	module = path
	if programs["graylane"] = os.Getenv("GRAYLANE"); programs["graylane"] == "" {
		if programs["graylane"], err = filepath.Abs(filepath.Join(root, "target/debug/graylane")); err != nil {
			return err
		}
	}
	if _, err := os.Stat(programs["graylane"]); err != nil {
		return fmt.Errorf("there is no graylane (%w); build it and run the tests: make test-cluster", err)
	}
	return network.Enter(kube.PodRange, kube.ServiceRange)
}
