// Package network gives the tests a network of their own: a namespace of the kernel with nothing but loopback, in which
// the addresses of pods and services are local, and connections can be captured as in a pod of a mesh.
package network

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// inside marks the environment of a program that runs in such a network.
const inside = "GRAYLANE_TEST_NETWORK"

// Enter starts the running program again in a network of its own, in which these ranges of addresses are local. It
// returns there, or with an error.
func Enter(ranges ...string) error {
	if os.Getenv(inside) == "" {
		return startAgain()
	}
	if err := onlyLoopback(); err != nil {
		return err
	}
	if err := run("ip", "link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, addresses := range ranges {
		if err := run("ip", "route", "add", "local", addresses, "dev", "lo"); err != nil {
			return err
		}
	}
	return nil
}

// startAgain replaces this program by itself in another namespace. Who is not root needs one of users too.
func startAgain() error {
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return fmt.Errorf("a network of its own: %w; apt-get install util-linux", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	arguments := []string{unshare, "--net"}
	if os.Getuid() != 0 {
		arguments = append(arguments, "--user", "--map-root-user")
	}
	arguments = append(append(arguments, "--", self), os.Args[1:]...)
	return fmt.Errorf("a network of its own: %w", syscall.Exec(unshare, arguments, append(os.Environ(), inside+"=1")))
}

// onlyLoopback guards the network of the machine, should the mark be in the environment by accident.
func onlyLoopback() error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, one := range interfaces {
		if one.Flags&net.FlagLoopback == 0 && one.Flags&net.FlagUp != 0 {
			return fmt.Errorf("%s is set, but this is no network of its own: it has %s; unset it", inside, one.Name)
		}
	}
	return nil
}

// Capture sends what goes to these addresses to a port of a proxy instead, until the test ends: as a mesh does for what
// a pod sends.
func Capture(t testing.TB, addresses, port string) {
	t.Helper()
	rule := []string{"OUTPUT", "--protocol", "tcp", "--destination", addresses, "--jump", "REDIRECT", "--to-ports", port}
	if err := run("iptables", append([]string{"--table", "nat", "--append"}, rule...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run("iptables", append([]string{"--table", "nat", "--delete"}, rule...)...); err != nil {
			t.Error(err)
		}
	})
}

func run(program string, arguments ...string) error {
	out, err := exec.Command(program, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, out)
	}
	return nil
}
