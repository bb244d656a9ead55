// Package envoy runs Envoy, as it comes from its makers.
package envoy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graylane.test/cluster/process"
)

// Proxy is an Envoy that runs until its test ends.
type Proxy struct {
	*process.Process
	admin string
}

// Start runs an Envoy with a bootstrap, and waits until it is live and listens on each of the addresses.
func Start(t testing.TB, binary, name, bootstrap string, listens ...string) *Proxy {
	t.Helper()
	folder := t.TempDir()
	file, admin := filepath.Join(folder, "envoy.yaml"), filepath.Join(folder, "admin")
	if err := os.WriteFile(file, []byte(bootstrap), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Process: process.Start(t, name, nil, binary, "--config-path", file, "--admin-address-path", admin,
		"--concurrency", "2", "--disable-hot-restart", "--log-level", "warning")}
	p.Await("its admin interface", func() bool {
		address, err := os.ReadFile(admin)
		p.admin = "http://" + string(address)
		return err == nil && len(address) > 0
	})
	p.AwaitListeners(listens...)
	return p
}

// AwaitListeners waits until Envoy is live, listens on each of the addresses, and warms none.
func (p *Proxy) AwaitListeners(addresses ...string) {
	p.Await(fmt.Sprintf("listens on %v", addresses), func() bool {
		if p.get("/ready") != "LIVE\n" || p.Stat("listener_manager.total_listeners_warming") != 0 {
			return false
		}
		listeners := p.get("/listeners")
		for _, address := range addresses {
			if !strings.Contains(listeners, "::"+address+"\n") {
				return false
			}
		}
		return true
	})
}

// Stat is the value of a counter or gauge: 0 while there is none.
func (p *Proxy) Stat(name string) int {
	return p.Sum(func(one string) bool { return one == name })
}

// Sum adds up the counters and gauges of these names.
func (p *Proxy) Sum(wanted func(name string) bool) int {
	var answer struct{ Stats []json.RawMessage }
	json.Unmarshal([]byte(p.get("/stats?format=json")), &answer)
	sum := 0
	for _, raw := range answer.Stats {
		var stat struct {
			Name  string
			Value int
		}
		if json.Unmarshal(raw, &stat) == nil && stat.Name != "" && wanted(stat.Name) {
			sum += stat.Value
		}
	}
	return sum
}

// Rejected is how many updates Envoy has refused, of whatever kind.
func (p *Proxy) Rejected() int {
	return p.Sum(func(name string) bool { return strings.HasSuffix(name, "update_rejected") })
}

// Endpoints are the addresses of a cluster that Envoy may send requests to.
func (p *Proxy) Endpoints(cluster string) []string {
	var found []string
	for line := range strings.Lines(p.get("/clusters")) {
		parts := strings.Split(line, "::")
		if len(parts) > 2 && parts[0] == cluster && parts[2] == "cx_active" {
			found = append(found, parts[1])
		}
	}
	return found
}

func (p *Proxy) get(path string) string {
	answer, err := http.Get(p.admin + path)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return string(body)
}
