package mesh

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"graylane.test/mesh/apiserver"
	"graylane.test/mesh/discovery"
	"graylane.test/mesh/manifest"
)

func TestAnAPIServerTakesEveryObject(t *testing.T) {
	for name, objects := range everything(t) {
		t.Run(name, func(t *testing.T) {
			for _, object := range objects {
				warnings, err := apiserver.Admit(object.DeepCopy())
				if err != nil {
					t.Errorf("%s is refused: %v", manifest.Name(object), err)
				}
				for _, warning := range unexpected(warnings) {
					t.Errorf("%s: warning: %s", manifest.Name(object), warning)
				}
			}
		})
	}
}

func TestAnAPIServerRefusesWhatIsBroken(t *testing.T) {
	for file, told := range map[string]string{
		"wasm-plugin-unknown-field.yaml":       "failStrtegy",
		"wasm-plugin-unknown-strategy.yaml":    "FAIL_SOFT",
		"wasm-plugin-scheme.yaml":              "one of [http, https, file, oci]",
		"wasm-plugin-sha256.yaml":              "sha256",
		"envoy-filter-unknown-operation.yaml":  "INSRT_BEFORE",
		"envoy-filter-unknown-type.yaml":       "wsam",
		"traffic-extension-two-selectors.yaml": "only one of targetRefs or selector",
		"virtual-service-no-destination.yaml":  "destination",
		"http-route-unknown-field.yaml":        "backendRef",
		"destination-rule-twice.yaml":          "already set",
	} {
		t.Run(file, func(t *testing.T) {
			objects, err := manifest.ReadFile(filepath.Join("broken", file))
			if err == nil {
				_, err = apiserver.Admit(objects[0])
			}
			if err == nil {
				t.Fatal("it is taken")
			}
			if !strings.Contains(err.Error(), told) {
				t.Errorf("what is told does not say %q: %v", told, err)
			}
		})
	}
}

// A broken EnvoyFilter is taken where only a warning says so: the list of expected warnings must not let it pass.
func TestAWarningOfABrokenEnvoyFilterIsNotExpected(t *testing.T) {
	for _, file := range []string{"envoy-filter-unknown-field.yaml", "envoy-filter-no-typed-config.yaml"} {
		objects, err := manifest.ReadFile(filepath.Join("broken", file))
		if err != nil {
			t.Fatal(err)
		}
		warnings, err := apiserver.Admit(objects[0])
		if err != nil {
			continue // even better
		}
		if len(unexpected(warnings)) == 0 {
			t.Errorf("%s passes with these warnings: %q", file, warnings)
		}
	}
}

// Why every file of istio/ has to carry traffic: nothing else finds this.
func TestAMisspeltMatchOfAnEnvoyFilterIsTakenInSilence(t *testing.T) {
	objects, err := manifest.ReadFile("broken/envoy-filter-unknown-filter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	warnings, err := apiserver.Admit(objects[0])
	if err != nil || len(unexpected(warnings)) > 0 {
		t.Errorf("now it is found (%v, %q): the README of istio/ says otherwise", err, warnings)
	}
}

// everything is what is checked: each flavour as it stands, and what else the command-line tool renders.
func everything(t *testing.T) map[string][]*manifest.Object {
	t.Helper()
	found := map[string][]*manifest.Object{
		"rendered for Kubernetes": sources(t, "").render(t, "kubernetes"),
	}
	for _, flavour := range all() {
		found[flavour.name] = build(t, flavour, "")
	}
	for _, flavour := range rendered {
		found[flavour.name+", a lane that does not serve"] = flavour.sources(t, "").serving("v2", false).render(t, flavour.render...)
	}
	pods := podsOfCanaries(func(string) discovery.Workload {
		return discovery.Workload{Address: &net.TCPAddr{IP: net.IPv4(127, 88, 0, 1), Port: 8080}}
	})
	for _, c := range canaries {
		objects := over(fixture(t, "imported.yaml"), c.render(t, ""))
		found["imported, by "+c.by] = append(objects, pods...)
	}
	there := fixture(t, "weights.yaml")
	found["weights"] = there
	found["rendered onto weights"] = onWeights(t, "").render(t, "istio", "--existing", existing(t, there))
	return found
}
