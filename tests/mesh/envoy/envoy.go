// Package envoy runs Envoy, as it comes from its makers, as a proxy of a mesh.
package envoy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long something that Envoy does may take on a busy machine.
const patience = 60 * time.Second

// Node says which proxy of the mesh an Envoy is.
type Node struct {
	Router    bool // a gateway; else a sidecar
	Name      string
	Namespace string
	IP        string
	Labels    map[string]string
	// The metrics that are kept, by what their names begin with; all, where it is empty.
	KeptStats []string
	// Where it gets its certificates, if it has any.
	Secrets *net.TCPAddr
}

// Proxy is an Envoy that runs until its test ends.
type Proxy struct {
	t     testing.TB
	admin string
	log   string
}

// Start runs an Envoy that asks the discovery server for everything, and waits until it listens on each of the ports.
func Start(t testing.TB, binary string, discovery *net.TCPAddr, node Node, listens ...string) *Proxy {
	t.Helper()
	folder := t.TempDir()
	config, admin := filepath.Join(folder, "envoy.json"), filepath.Join(folder, "admin")
	if err := os.WriteFile(config, bootstrap(node, discovery), 0o644); err != nil {
		t.Fatal(err)
	}
	proxy := &Proxy{t: t, log: filepath.Join(folder, "log")}
	log, err := os.Create(proxy.log)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "-c", config, "--admin-address-path", admin,
		"--concurrency", "2", "--disable-hot-restart", "--log-level", "warning")
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		command.Process.Kill()
		<-ended
		log.Close()
		if t.Failed() {
			t.Logf("the log of Envoy %s:\n%s", node.Name, proxy.Log())
		}
	})

	proxy.wait("its admin interface", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("Envoy %s ended: %v", node.Name, err)
		default:
		}
		address, err := os.ReadFile(admin)
		proxy.admin = "http://" + string(address)
		return err == nil && len(address) > 0
	})
	proxy.awaitListeners(listens...)
	return proxy
}

// awaitListeners waits until Envoy is live, listens on each of the addresses, and warms none.
func (p *Proxy) awaitListeners(addresses ...string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("listeners %v", addresses), func() bool {
		if p.get("/ready") != "LIVE\n" || p.Stat("listener_manager.", "total_listeners_warming") != 0 {
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

// Stat adds up the counters and gauges whose name begins and ends so: 0 while there is none.
func (p *Proxy) Stat(prefix, suffix string) int {
	sum := 0
	for _, stat := range p.stats() {
		if strings.HasPrefix(stat.Name, prefix) && strings.HasSuffix(stat.Name, suffix) {
			sum += stat.Value
		}
	}
	return sum
}

// HasCluster tells whether Envoy has a cluster of that name.
func (p *Proxy) HasCluster(name string) bool {
	return strings.Contains(p.get("/clusters"), "\n"+name+"::")
}

// HasRoute tells whether Envoy has a route of that name.
func (p *Proxy) HasRoute(name string) bool {
	return strings.Contains(p.get("/config_dump?resource=dynamic_route_configs"), `"name": "`+name+`"`)
}

// Log is what Envoy has logged, without its remarks on fields that Istio still writes.
func (p *Proxy) Log() string {
	text, _ := os.ReadFile(p.log)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "Deprecated field") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

type stat struct {
	Name  string
	Value int
}

func (p *Proxy) stats() []stat {
	var answer struct{ Stats []json.RawMessage }
	json.Unmarshal([]byte(p.get("/stats?format=json")), &answer)
	var all []stat
	for _, raw := range answer.Stats {
		var one stat
		if json.Unmarshal(raw, &one) == nil && one.Name != "" {
			all = append(all, one)
		}
	}
	return all
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

func (p *Proxy) wait(what string, condition func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("Envoy: no %s within %s", what, patience)
		}
	}
}

// ports is the next port that may be given. All are below what Linux gives to those who ask for any port: until Envoy listens there,
// no connection gets it by chance.
var ports atomic.Uint32

// FreePort is a port of 127.0.0.1 that nobody listens on, and that nobody else of this process gets.
func FreePort(t testing.TB) int {
	t.Helper()
	const first, count = 12_000, 20_000
	for range count {
		port := first + (os.Getpid()*97+int(ports.Add(1)))%count
		if listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatalf("no port is free from %d to %d", first, first+count)
	return 0
}

// FreeAddress is a loopback address on which nobody listens on that port.
func FreeAddress(t testing.TB, port int) string {
	t.Helper()
	for last := 1; last < 250; last++ {
		address := fmt.Sprintf("127.99.%d.%d", os.Getpid()%250, last)
		listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatalf("port %d is taken on every loopback address", port)
	return ""
}

func bootstrap(node Node, discovery *net.TCPAddr) []byte {
	kind := "sidecar"
	if node.Router {
		kind = "router"
	}
	domain := node.Namespace + ".svc.cluster.local"
	var text bytes.Buffer
	err := template.Execute(&text, map[string]any{
		"id":        strings.Join([]string{kind, node.IP, node.Name + "." + node.Namespace, domain}, "~"),
		"node":      node,
		"discovery": discovery,
	})
	if err != nil {
		panic(err)
	}
	return text.Bytes()
}
