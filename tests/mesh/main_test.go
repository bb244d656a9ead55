// Package mesh holds what is in istio/, and what graylane renders for a mesh, to Istio's own code and to a real Envoy.
package mesh

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"istio.io/istio/pkg/log"

	"graylane.test/mesh/discovery"
)

// root is the top of the repository: tests run in their own folder.
const root = "../.."

// The module and the Envoy that set-up has left, and the command-line tool.
var module, binary, graylane string

func TestMain(m *testing.M) {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "tests/mesh:", err)
		os.Exit(2)
	}
	code := m.Run()
	fmt.Println(&figures)
	os.Exit(code)
}

// run finds what the tests need. Istio reads its switches before main, so they go into the environment of a second start.
func run() error {
	complete := true
	for name, value := range discovery.Environment {
		if os.Getenv(name) != value {
			complete = false
			os.Setenv(name, value)
		}
	}
	if !complete {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return fmt.Errorf("second start: %w", syscall.Exec(self, os.Args, os.Environ()))
	}
	if err := logToFile(); err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(root, "target/graylane.wasm"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no module (%w); build it: make module", err)
	}
	module = path
	if binary = os.Getenv("ENVOY"); binary == "" {
		found, err := os.ReadFile(filepath.Join(root, "target/setup/envoy"))
		if err != nil {
			return fmt.Errorf("there is no Envoy (%w); find or bring one: make setup, or ENVOY=/path/to/envoy", err)
		}
		binary = strings.TrimSpace(string(found))
	}
	if graylane = os.Getenv("GRAYLANE"); graylane == "" {
		if graylane, err = filepath.Abs(filepath.Join(root, "target/debug/graylane")); err != nil {
			return err
		}
	}
	if _, err := os.Stat(graylane); err != nil {
		return fmt.Errorf("there is no graylane (%w); build it: cargo build -p graylane-cli", err)
	}
	return nil
}

// logToFile keeps what Istio says for who looks for it.
func logToFile() error {
	folder := filepath.Join(root, "target/mesh")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	options := log.DefaultOptions()
	options.OutputPaths = []string{filepath.Join(folder, "istio.log")}
	options.ErrorOutputPaths = options.OutputPaths
	return log.Configure(options)
}
