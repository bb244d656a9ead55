// Package process runs the programs that a test needs, and ends them with it.
package process

import (
	"fmt"
	"net"
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

// Process is a program that runs until its test ends.
type Process struct {
	t       testing.TB
	name    string
	log     string
	command *exec.Cmd
	ended   chan struct{}
}

// Start runs a program, with these variables beside those of the test in its environment. What it says goes to a file,
// and is shown should the test fail.
func Start(t testing.TB, name string, environment []string, program string, arguments ...string) *Process {
	t.Helper()
	p := &Process{t: t, name: name, log: filepath.Join(t.TempDir(), name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.command = exec.Command(program, arguments...)
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		p.command.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.end)
	return p
}

// end kills it: all of its state is thrown away.
func (p *Process) end() {
	p.Kill()
	if p.t.Failed() {
		p.t.Logf("the last that %s said:\n%s", p.name, p.Tail())
	}
}

// Kill ends it before its test ends.
func (p *Process) Kill() {
	p.command.Process.Kill()
	<-p.ended
}

// Await waits until a condition holds. The test fails when the process ends before, or when it takes too long.
func (p *Process) Await(what string, condition func() bool) {
	p.t.Helper()
	Await(p.t, p.name+": "+what, func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended by itself: %v", p.name, p.command.ProcessState)
		default:
		}
		return condition()
	})
}

// Log is all that it said.
func (p *Process) Log() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// Tail is the last that it said.
func (p *Process) Tail() string {
	text := p.Log()
	return text[max(0, len(text)-1500):]
}

// patience is how long a condition may take on a busy machine.
const patience = 90 * time.Second

// Await waits until a condition holds, and fails the test where it takes too long.
func Await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// next is the next port that may be given. All are below what Linux gives to those who ask for any port: until a server listens
// there, no connection gets it by chance.
var next atomic.Uint32

// FreePorts are ports of 127.0.0.1 on which nobody listens, and that nobody else of this process gets.
func FreePorts(t testing.TB, count int) []string {
	t.Helper()
	const first, all = 12_000, 20_000
	var ports []string
	for tries := 0; len(ports) < count; tries++ {
		if tries == all {
			t.Fatalf("fewer than %d ports are free from %d to %d", count, first, first+all)
		}
		port := strconv.Itoa(first + (os.Getpid()*97+int(next.Add(1)))%all)
		if listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			listener.Close()
			ports = append(ports, port)
		}
	}
	return ports
}

// Run runs a program to its end and returns what it wrote to standard output and, apart, to standard error.
func Run(environment []string, program string, arguments ...string) (string, string, error) {
	var out, faults strings.Builder
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = &out, &faults
	if err := command.Run(); err != nil {
		return out.String(), faults.String(), fmt.Errorf("%s %v: %w\n%s", filepath.Base(program), arguments, err, faults.String())
	}
	return out.String(), faults.String(), nil
}
