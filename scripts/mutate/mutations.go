package main

// mutation takes a wall down: new replaces old, which is once in the file. The test must notice it.
type mutation struct {
	name, file, old, new, pkg, test string
}

const (
	gatewayDir = "services/gateway/"
	gatewayPkg = "./services/gateway"
)

// mutations are the walls, each with the test that guards it.
var mutations = []mutation{
	{"host allow-list", gatewayDir + "middleware.go", "if !own || !plainPort(", "if false && !own || !plainPort(", gatewayPkg, "TestOnlyNamesOfTheBoxAreAnswered"},
	{"csrf", gatewayDir + "middleware.go", "g.refuseExcess(cross.Handler(next))", "g.refuseExcess(next)", gatewayPkg, "TestAPageOfAnotherSiteCannotWrite"},
	{"csp", gatewayDir + "middleware.go", "script-src 'self';", "script-src *;", gatewayPkg, "TestEveryAnswerIsSealed"},
	{"socket origin", gatewayDir + "pupil/lesson.go", "if !httpapi.IsSameOrigin(r) {", "if false {", gatewayPkg, "TestTheSocketTakesOnlyPagesOfTheBox"},
	{"role of an operation", gatewayDir + "httpapi/caller.go", "case l == Staff && !c.IsStaff(), l == Admin && !c.Admin:", "case false:", gatewayPkg, "TestEveryOperationKnowsWhoMayCallIt"},
	{"cookie is http only", gatewayDir + "httpapi/caller.go", "HttpOnly: true", "HttpOnly: false", gatewayPkg, "TestTheCookieIsForTheBoxAlone"},
	{"device seal", gatewayDir + "signin/device.go", `want != "" && hmac.Equal([]byte(seal), []byte(want))`, `want != ""`, gatewayPkg, "TestAGuestCannotMakeItselfADeviceWithACount"},
	{"count of an address", gatewayDir + "signin/routes.go", "[...]int{TriesPerAddress, triesPerNetwork}[i]", "1<<20 + i", gatewayPkg, "TestThrowingTheCookieAwayGainsLittle"},
	{"connections of an address", gatewayDir + "connlimit/connlimit.go", "m.open[keys[0]] >= m.perIP ||", "m.open[keys[0]] > 1<<30 ||", gatewayPkg, "TestOneAddressHasSoManyConnectionsAndNoMore"},
	{"missing descriptors", gatewayDir + "connlimit/connlimit.go", "l.limiter.Exhausted()\n", "_ = 0\n", "./services/gateway/connlimit", "TestMissingDescriptorsAreTold"},
	{"alarm of guessed codes", gatewayDir + "signin/guesses.go", "\tg.lastAlarm = now\n", "", gatewayPkg, "TestSomebodyWhoGuessesCodesIsTold"},
	{"fresh PIN", gatewayDir + "httpapi/fresh_pin.go", "if time.Now().Before(", "if true || time.Now().Before(", gatewayPkg, "TestDangerousActsAskForThePINAgain"},
	{"age of a fresh PIN", gatewayDir + "httpapi/fresh_pin.go", "now.Add(FreshFor)", "now.Add(24 * FreshFor)", gatewayPkg, "TestAPINIsFreshForMinutesOnly"},
	{"class of a teacher", "services/roster/teaches.go", "(p.Admin || len(c.Teachers) == 0 ||", "(true || len(c.Teachers) == 0 ||", gatewayPkg, "TestATeacherSeesOwnClassesOnly"},
	{"guard of class operations", gatewayDir + "httpapi/operations.go", "if err == nil && ops.Guard != nil {", "if false && ops.Guard != nil {", gatewayPkg, "TestATeacherSeesOwnClassesOnly"},
	{"room of a teacher", "services/session/session.go", "case s.id.MayEnter != nil && !s.id.MayEnter(id):", "case false:", "./services/session", "TestATeacherEntersOwnRoomsOnly"},
	{"room of a pupil", "services/session/session.go", `case s.id.Room != "" && s.id.Room != id:`, "case false:", "./services/session", "TestBadMessagesGetAClearAnswer"},
	{"role of a command", "services/room/state.go", "m.By.Role == event.Pupil && !c.Pupil", "false", "./services/quiz", "TestPupilsCannotLeadTheQuiz"},
	{"key of a question", "services/quiz/item/item.go", `return nil, errors.New("item: a key is not encoded by itself")`, `return []byte("1"), errors.Join()`, "./services/quiz/item", "TestAKeyIsNotEncodedByAccident"},
	{"chain of the audit log", "services/audit/chain.go", "case known && r.Prev != v.Head:", "case false:", "./services/audit", "TestAChangedEntryIsTold"},
	{"emptied audit entries", "services/audit/chain.go", "\t\tv.add(Break{e.Seq, e.Stamp.Wall, BreakEmptied})\n", "", "./services/audit", "TestAChangedEntryIsTold"},
	{"acts are recorded", gatewayDir + "httpapi/audit.go", "ops.Audit.Record(RequestOf(ctx), CallerOf(ctx), *act)", "_ = *act", gatewayPkg, "TestWhoDidWhatToWhomIsRecorded"},
	{"failed sign-ins are recorded", gatewayDir + "signin/signin.go", "a.auditTry(ctx, act, err)", "_ = act", gatewayPkg, "TestFailedSignInsAreRecorded"},
	{"formulas in a spreadsheet", "services/sheet/sheet.go", `return part[1] + "'" + part[2] + sign`, "return part[1] + part[2] + sign", "./services/sheet", "TestTextIsNoFormulaInAnyCellThatItMayBecome"},
	{"joining again costs no sync", "services/roster/seat.go", "return p, ok && err == nil", "return p, false && err == nil", "./services/roster", "TestJoiningAgainWritesNothing"},
	{"zip bombs", "services/listimport/zip.go", "f.UncompressedSize64 > maxUnzip || total > maxUnzip", "total == 1", "./services/listimport", "TestAZipBombIsNotUnpacked"},
	{"older updates", "services/update/receive.go", "case h.Build < newest, h.Build == u.deps.Build:", "case false:", "./services/update", "TestWhatIsRefusedChangesNothing"},
	{"stations are apart", "services/network/own_network.go", "ap_isolate=1", "ap_isolate=0", "./services/network", "TestHostapdIsToldNothingElse"},
	{"a password stays with its Wi-Fi", "services/network/network.go", "cfg.School != n.cfg.School", "false", "./services/network", "TestAMaskedPasswordStaysWithItsWifi"},
	{"address of a fetch", "services/egress/class.go", "return r >= Neighbour", "return true", "./services/egress", "TestANameIsRefusedByWhatItResolvesTo"},
	{"signature of a stick", "services/cloud/usbfile/usbfile.go", "if !ed25519.Verify(r.Key,", "if false && !ed25519.Verify(r.Key,", "./services/cloud/usbfile", "TestAFileThatIsNotWhatTheBoxSignedIsRefused"},
	{"key of a stick", "services/cloud/server/import_usb.go", "case in.Key == nil, bytes.Equal(key, in.Key):", "case in.Key == nil, bytes.Equal(key, in.Key), true:", "./services/cloud/server", "TestAStickIsTakenFromItsOwnBoxOnly"},
	{"another site in the cloud", "services/cloud/server/middleware.go", "next := cross.Handler(mux)", "next := mux", "./services/cloud/server", "TestAPageOfAnotherSiteCannotWriteInTheCloud"},
}
