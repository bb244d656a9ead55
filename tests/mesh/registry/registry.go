// Package registry runs a container registry, CNCF distribution as a distribution packages it, on a loopback port.
package registry

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// patience is how long a registry may take to start on a busy machine.
const patience = 30 * time.Second

// Login is whom a registry lets in, without one everybody. Realm is what it calls itself when it asks for the password.
type Login struct{ User, Password, Realm string }

// Registry is one that runs until its test ends.
type Registry struct {
	// Host and port.
	Host string
	// Where it keeps what was pushed.
	folder string
}

// Start runs a registry. The script setup/registry.sh below root finds the program.
func Start(t testing.TB, root string, login *Login) *Registry {
	t.Helper()
	binary := find(t, root)
	// A free port may be gone by the time the registry listens.
	for range 5 {
		if registry := try(t, binary, login); registry != nil {
			return registry
		}
	}
	t.Fatal("five times the port was taken before the registry could have it")
	return nil
}

// Blob is the file in which the registry keeps a blob.
func (r *Registry) Blob(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return filepath.Join(r.folder, "docker/registry/v2/blobs/sha256", hex[:2], hex, "data")
}

func find(t testing.TB, root string) string {
	t.Helper()
	words, err := exec.Command(filepath.Join(root, "setup/registry.sh")).CombinedOutput()
	if err != nil {
		t.Fatalf("there is no registry to test with:\n%s", words)
	}
	path, err := os.ReadFile(filepath.Join(root, "target/setup/docker-registry"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(path))
}

// try starts a registry on a free port; nil when that port was taken in between.
func try(t testing.TB, binary string, login *Login) *Registry {
	t.Helper()
	folder := t.TempDir()
	registry := &Registry{Host: freePort(t), folder: folder}
	config := filepath.Join(folder, "config.yml")
	if err := os.WriteFile(config, configuration(t, registry, login), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "serve", config)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	if err := registry.ready(ended); err != nil {
		command.Process.Kill()
		said, _ := os.ReadFile(log.Name())
		if strings.Contains(string(said), "address already in use") {
			return nil
		}
		t.Fatalf("the registry does not start: %v\n%s", err, said)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		<-ended
	})
	return registry
}

// configuration is the registry's own, without anything that it would do besides.
func configuration(t testing.TB, registry *Registry, login *Login) []byte {
	t.Helper()
	text := fmt.Sprintf("version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n"+
		"storage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", registry.folder, registry.Host)
	if login != nil {
		hash, err := bcrypt.GenerateFromPassword([]byte(login.Password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(registry.folder, "htpasswd")
		if err := os.WriteFile(path, fmt.Appendf(nil, "%s:%s\n", login.User, hash), 0o600); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("auth: {htpasswd: {realm: %q, path: %q}}\n", login.Realm, path)
	}
	return []byte(text)
}

// ready waits until the registry answers.
func (r *Registry) ready(ended chan error) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("it ended: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		answer, err := http.Get("http://" + r.Host + "/v2/")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.Header.Get("Docker-Distribution-Api-Version") == "registry/2.0" {
			return nil
		}
	}
	return errors.New("it does not answer")
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
