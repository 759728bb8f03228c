// Program lint runs staticcheck and further analyzers on Go code in one pass, with staticcheck's
// cache. It is a module of its own, so that the product needs none of its dependencies.
//
//	go build -C scripts/lint -o ../../build/lint . && build/lint ./...
package main

import (
	"go/token"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	"codeberg.org/polyfloyd/go-errorlint/errorlint"
	"github.com/gostaticanalysis/comment"
	"github.com/gostaticanalysis/comment/passes/commentmap"
	"github.com/gostaticanalysis/nilerr"
	"github.com/kisielk/errcheck/errcheck"
	"github.com/mgechev/revive/lint"
	"github.com/mgechev/revive/rule"
	"github.com/securego/gosec/v2/goanalysis"
	"github.com/sonatard/noctx"
	"golang.org/x/tools/go/analysis"
	"honnef.co/go/tools/lintcmd"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
	"honnef.co/go/tools/unused"
)

func main() {
	// Reports for people are written as they are on standard output.
	errcheck.DefaultExcludedSymbols = append(errcheck.DefaultExcludedSymbols, "fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln")
	for _, r := range reviveRules {
		if c, ok := r.(lint.ConfigurableRule); ok {
			if err := c.Configure(nil); err != nil { // its defaults
				log.Fatal(err)
			}
		}
	}
	cmd := lintcmd.NewCommand("lint")
	cmd.AddAnalyzers(simple.Analyzers...)
	cmd.AddAnalyzers(staticcheck.Analyzers...)
	cmd.AddAnalyzers(stylecheck.Analyzers...)
	cmd.AddAnalyzers(unused.Analyzer)
	for _, a := range []*analysis.Analyzer{errcheck.Analyzer, errorlint.NewAnalyzer(), goanalysis.Analyzer, nilerr.Analyzer, noctx.Analyzer, reviveAnalyzer} {
		cmd.AddBareAnalyzers(nameFindings(a))
	}
	cmd.ParseFlags(os.Args[1:])
	cmd.Run()
}

// excludedRules are rules of gosec that do not run.
var excludedRules = []string{
	"G103",                         // unsafe: system calls need it
	"G104",                         // errcheck does the same
	"G114",                         // servers without timeouts: only the page server for development
	"G115",                         // conversions of integers: 180 findings, most of values with a bound
	"G204", "G304", "G702", "G703", // commands and paths from variables: of the configuration
	"G301", "G302", "G306", // modes of files: the folder above them is closed
	"G404", // math/rand: jitter and simulations
}

// nameFindings files the findings of an analyzer under its name, because the command drops those of
// other names. It leaves out excluded rules and tests. Of noctx it keeps HTTP requests: services/supervise
// ends processes and listeners.
func nameFindings(a *analysis.Analyzer) *analysis.Analyzer {
	named := *a
	named.Run = func(pass *analysis.Pass) (any, error) {
		p := *pass
		if a == nilerr.Analyzer { // it would leave out ignored findings, and the directive would match nothing
			p.ResultOf = maps.Clone(pass.ResultOf)
			p.ResultOf[commentmap.Analyzer] = comment.Maps{}
		}
		p.Report = func(d analysis.Diagnostic) {
			rule, _, _ := strings.Cut(d.Message, ":")
			if strings.HasSuffix(pass.Fset.File(d.Pos).Name(), "_test.go") || slices.Contains(excludedRules, rule) ||
				a == noctx.Analyzer && !strings.HasPrefix(d.Message, "net/http.") {
				return
			}
			d.Category = a.Name
			pass.Report(d)
		}
		return a.Run(&p)
	}
	return &named
}

var reviveAnalyzer = &analysis.Analyzer{Name: "revive", Doc: "rules of revive that staticcheck does not have", Run: runRevive}

var reviveRules = []lint.Rule{
	&rule.AtomicRule{},
	&rule.ConstantLogicalExprRule{},
	&rule.ContextAsArgumentRule{},
	&rule.DataRaceRule{},
	&rule.IdenticalBranchesRule{},
	&rule.IndentErrorFlowRule{},
	&rule.SuperfluousElseRule{},
	&rule.TimeEqualRule{},
	&rule.UnconditionalRecursionRule{},
	&rule.UnexportedReturnRule{},
	&rule.UnreachableCodeRule{},
	&rule.WaitGroupByValueRule{},
}

// runRevive gives the files of a package to revive, which parses them itself.
func runRevive(pass *analysis.Pass) (any, error) {
	files := map[string]*token.File{}
	var names []string
	for _, f := range pass.Files {
		file := pass.Fset.File(f.FileStart)
		if !strings.HasSuffix(file.Name(), ".go") { // the test program that the go command writes
			continue
		}
		files[file.Name()] = file
		names = append(names, file.Name())
	}
	linter := lint.New(os.ReadFile, 0)
	failures, err := linter.Lint([][]string{names}, reviveRules, lint.Config{Confidence: 0.8})
	if err != nil {
		return nil, err
	}
	for f := range failures {
		if f.Confidence >= 0.8 {
			file := files[f.Position.Start.Filename]
			pass.Reportf(file.LineStart(f.Position.Start.Line), "%s: %s", f.RuleName, f.Failure)
		}
	}
	return nil, nil
}
