package mesh

import "strings"

// expected is the warnings that are there to stay, each with its reason.
var expected = []struct{ text, reason string }{
	{"EnvoyFilter exposes internal implementation details", "said of every EnvoyFilter, whatever is in it"},
}

// unexpected is the warnings that are not.
func unexpected(warnings []string) []string {
	var rest []string
	for _, warning := range warnings {
		if !isExpected(warning) {
			rest = append(rest, warning)
		}
	}
	return rest
}

func isExpected(warning string) bool {
	for _, known := range expected {
		if strings.Contains(warning, known.text) {
			return true
		}
	}
	return strings.TrimSpace(warning) == ""
}
