package mesh

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"

	"graylane.test/mesh/manifest"
)

func TestTheAnalyzersOfIstioFindNothing(t *testing.T) {
	for name, objects := range everything(t) {
		t.Run(name, func(t *testing.T) {
			for _, message := range analyze(t, append(cluster(t, objects), objects...)) {
				if isNote(message) || isExpected(message.String()) {
					continue
				}
				t.Error(message.String())
			}
		})
	}
}

func TestTheAnalyzersOfIstioFindWhatIsBroken(t *testing.T) {
	for file, code := range map[string]string{
		"virtual-service-unknown-host.yaml":   "IST0101",
		"virtual-service-unknown-subset.yaml": "IST0101",
		"virtual-service-unreachable.yaml":    "IST0130",
		"destination-rule-no-pods.yaml":       "IST0173",
	} {
		t.Run(file, func(t *testing.T) {
			objects, err := manifest.ReadFile(filepath.Join("broken", file))
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, message := range analyze(t, append(cluster(t, objects), objects...)) {
				if !isNote(message) && !isExpected(message.String()) {
					codes = append(codes, message.Type.Code())
				}
			}
			if !strings.Contains(strings.Join(codes, " "), code) {
				t.Errorf("%s is not told, but %v", code, codes)
			}
		})
	}
}

// cluster is what the manifests are applied to, with the kind of gateway that they name.
func cluster(t *testing.T, applied []*manifest.Object) []*manifest.Object {
	t.Helper()
	gatewayAPI := slices.ContainsFunc(applied, func(object *manifest.Object) bool { return object.GetKind() == "HTTPRoute" })
	objects := append(fixture(t, "shop.yaml"), gatewayFixture(t, flavour{gatewayAPI: gatewayAPI}, 80)...)
	return append(objects, fixture(t, "workloads.yaml")...)
}

func isNote(message diag.Message) bool { return message.Type.Level() == diag.Info }

// analyze runs every analyzer of Istio over objects. The command istioctl leaves out, without a word, those that need
// Services or Pods, where it has no cluster; this does not.
func analyze(t *testing.T, objects []*manifest.Object) diag.Messages {
	t.Helper()
	var sources []local.ReaderSource
	for _, object := range objects {
		sources = append(sources, local.ReaderSource{Name: manifest.Name(object), Reader: strings.NewReader(manifest.YAML(object))})
	}
	analyzer := local.NewSourceAnalyzer(analyzers.AllCombined(), "", "istio-system", nil)
	if err := analyzer.AddTestReaderKubeSource(sources); err != nil {
		t.Fatal(err)
	}
	if err := analyzer.AddDefaultResources(); err != nil { // after the objects: what comes first says which kinds are kept
		t.Fatal(err)
	}
	result, err := analyzer.Analyze(make(chan struct{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d analyzers, left out: %v", len(result.ExecutedAnalyzers), result.SkippedAnalyzers)
	return result.Messages
}
