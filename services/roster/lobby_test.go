package roster

import (
	"strings"
	"testing"
	"time"
)

// openLobby returns a school whose lesson has an open lobby.
func openLobby(t *testing.T) school {
	t.Helper()
	s := newSchool(t)
	if err := s.SetLobby(s.lesson.ID, true); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s school) checkTicket(t *testing.T, ticket, want string) {
	t.Helper()
	if got, err := s.CheckTicket(ticket); err != nil || got.State != want {
		t.Errorf("ticket: %+v %v, want %s", got, err, want)
	}
}

func TestANewDeviceWaitsUntilTheTeacherLetsItIn(t *testing.T) {
	s := newSchool(t)
	ben, cem := s.class.Pupils[0], s.class.Pupils[1]
	_, seated, _, err := s.JoinLesson(s.ref(), ben.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetLobby(s.lesson.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, same, _, err := s.JoinLesson(s.ref(), ben.ID, seated); err != nil || same != seated {
		t.Errorf("the device that was here: %v", err)
	}
	_, _, _, err = s.JoinLesson(s.ref(), cem.ID, "")
	checkRefused(t, err, "denied/lobby/")
	_, _, _, err = s.JoinLesson(Ref{Key: s.lesson.Key}, cem.ID, "made up")
	checkRefused(t, err, "denied/lobby/")
	ticket := mustValue(s.EnterLobby(s.ref(), cem.ID, "", Asker{}))(t)
	s.checkTicket(t, ticket, TicketWaiting)
	_, _, _, _, err = s.JoinTicket(ticket, "")
	checkRefused(t, err, "denied/waiting/")
	list := mustValue(s.WaitingDevices(s.lesson.ID))(t)
	if len(list) != 1 || list[0].Pupil != cem.ID || list[0].Name != cem.Name {
		t.Fatalf("waiting: %+v", list)
	}
	mustValue(s.AdmitWaiting(s.lesson.ID, []string{list[0].ID, "w_none"}, true))(t)
	s.checkTicket(t, ticket, TicketAdmitted)
	p, token, _, _, err := s.JoinTicket(ticket, "")
	if err != nil || p.User != cem.ID {
		t.Fatalf("%+v %v", p, err)
	}
	if _, again, _, moved, err := s.JoinTicket(ticket, ""); err != nil || again == token || !moved { // its answer was lost
		t.Errorf("the ticket a second time: %v", err)
	}
	if left := mustValue(s.WaitingDevices(s.lesson.ID))(t); len(left) != 0 {
		t.Errorf("waiting: %+v", left)
	}
	if err := s.ReleaseName(s.lesson.ID, cem.ID); err != nil {
		t.Fatal(err)
	}
	_, _, _, _, err = s.JoinTicket(ticket, "")
	checkRefused(t, err, "denied/refused/")
}

func TestALobbyHasARequestUntilItIsAnswered(t *testing.T) {
	s := openLobby(t)
	ben, cem := s.class.Pupils[0], s.class.Pupils[1]
	first := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{}))(t)
	_, err := s.EnterLobby(s.ref(), "p_none", "", Asker{})
	checkRefused(t, err, "missing/no_pupil/")
	_, err = s.EnterLobby(Ref{Code: "000000x"}, cem.ID, "", Asker{})
	checkRefused(t, err, "missing/no_lesson/")
	for _, ticket := range []string{"", "x", s.lesson.ID + "." + ben.ID, string(make([]byte, 500))} {
		_, err := s.CheckTicket(ticket)
		checkRefused(t, err, "invalid/invalid/ticket")
	}
	if err := s.LeaveLobby(first); err != nil {
		t.Fatal(err)
	}
	second := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{}))(t)
	if err := s.LeaveLobby(first); err != nil { // not its place any more
		t.Fatal(err)
	}
	s.checkTicket(t, second, TicketWaiting)
	if got := mustValue(s.CheckTicket(first))(t); got != (Ticket{State: TicketRefused}) {
		t.Errorf("without the secret of a request: %+v", got)
	}
	_, names, err := s.FindLesson(s.ref(), "")
	if err != nil || !names[0].Asked || names[0].Taken || names[1].Asked {
		t.Errorf("names: %+v %v", names, err)
	}
	list := mustValue(s.WaitingDevices(s.lesson.ID))(t)
	mustValue(s.AdmitWaiting(s.lesson.ID, []string{list[0].ID}, false))(t)
	s.checkTicket(t, second, TicketRefused)
	third := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{}))(t)
	mustValue(s.AdmitWaiting(s.lesson.ID, []string{list[0].ID}, true))(t) // the teacher saw the second
	s.checkTicket(t, third, TicketWaiting)
}

func TestACardPassesTheLobby(t *testing.T) {
	s := openLobby(t)
	ben := s.class.Pupils[0]
	ticket := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{}))(t)
	cards := mustValue(s.Cards(s.class.ID))(t)
	if p, _, _, _, err := s.JoinCard(strings.TrimPrefix(cards[0].Link, "/c/"), ""); err != nil || p.User != ben.ID {
		t.Fatalf("%+v %v", p, err)
	}
	s.checkTicket(t, ticket, TicketRefused) // somebody else asked for the name
}

func TestALobbyOutlivesARestart(t *testing.T) {
	s := openLobby(t)
	path := s.cfg.Path
	ticket := mustValue(s.EnterLobby(s.ref(), s.class.Pupils[0].ID, "", Asker{}))(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Roster = openRoster(t, path)
	s.checkTicket(t, ticket, TicketWaiting)
	_, _, _, err := s.JoinLesson(s.ref(), s.class.Pupils[1].ID, "")
	checkRefused(t, err, "denied/lobby/")
	if opened := mustValue(s.OpenLobbies())(t); len(opened) != 0 {
		t.Errorf("opened again: %v", opened)
	}
	if _, _, err := s.EndLesson(s.lesson.ID); err != nil {
		t.Fatal(err)
	}
	_, err = s.CheckTicket(ticket)
	checkRefused(t, err, "missing/no_lesson/")
	if list := mustValue(s.WaitingDevices(s.lesson.ID))(t); len(list) != 0 {
		t.Errorf("after the end: %+v", list)
	}
	checkRefused(t, s.SetLobby(s.lesson.ID, false), "missing/no_lesson/")
}

func TestSignOutVoidsTheTicket(t *testing.T) {
	s := openLobby(t)
	ben := s.class.Pupils[0]
	ticket := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{}))(t)
	list := mustValue(s.WaitingDevices(s.lesson.ID))(t)
	mustValue(s.AdmitWaiting(s.lesson.ID, []string{list[0].ID}, true))(t)
	_, token, _, _, err := s.JoinTicket(ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SignOut(token); err != nil {
		t.Fatal(err)
	}
	s.checkTicket(t, ticket, TicketRefused)
	_, names, err := s.FindLesson(s.ref(), "")
	if err != nil || names[0].Asked || names[0].Taken {
		t.Errorf("the name is not free: %+v %v", names[0], err)
	}
}

// waitingFor returns the requests that the teacher sees, and their names.
func (s school) waitingFor(t *testing.T) (ids []string, names string) {
	t.Helper()
	for _, w := range mustValue(s.WaitingDevices(s.lesson.ID))(t) {
		ids, names = append(ids, w.ID), names+w.Name+" "
	}
	return ids, names
}

func TestADeviceAsksForOneNameInALobby(t *testing.T) {
	s := openLobby(t)
	ben, cleo := s.class.Pupils[0], s.class.Pupils[1]
	guesser := Asker{Device: "a"}
	first := mustValue(s.EnterLobby(s.ref(), ben.ID, "", guesser))(t)
	mustValue(s.EnterLobby(s.ref(), cleo.ID, "", guesser))(t)
	s.checkTicket(t, first, TicketRefused)
	if _, names := s.waitingFor(t); names != "Cleo " {
		t.Errorf("waiting: %q", names)
	}
	for _, guest := range []string{"", "b", "c"} {
		mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: guest, Network: "10.0.0.1"}))(t)
	}
	_, err := s.EnterLobby(s.ref(), cleo.ID, "", Asker{Device: "d", Network: "10.0.0.1"})
	checkRefused(t, err, "stale/lobby_full/")
	_, err = s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: "e"})
	checkRefused(t, err, "stale/asked/")
	mustValue(s.EnterLobby(s.ref(), cleo.ID, "", Asker{Device: "d", Network: "10.0.0.2"}))(t)
}

func TestLetAllInLeavesOutANameThatTwoDevicesAskFor(t *testing.T) {
	s := openLobby(t)
	ben, cleo := s.class.Pupils[0], s.class.Pupils[1]
	real := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: "a"}))(t)
	other := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: "b"}))(t)
	alone := mustValue(s.EnterLobby(s.ref(), cleo.ID, "", Asker{Device: "c"}))(t)
	ids, _ := s.waitingFor(t)
	if let := mustValue(s.AdmitWaiting(s.lesson.ID, ids, true))(t); len(let) != 1 || let[0] != cleo.ID {
		t.Errorf("let in: %v", let)
	}
	s.checkTicket(t, alone, TicketAdmitted)
	s.checkTicket(t, other, TicketWaiting)
	if err := s.LeaveLobby(other); err != nil {
		t.Fatal(err)
	}
	other = mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: "b"}))(t)
	ids, _ = s.waitingFor(t)
	mustValue(s.AdmitWaiting(s.lesson.ID, ids[:1], true))(t)
	s.checkTicket(t, real, TicketAdmitted)
	s.checkTicket(t, other, TicketRefused)
}

func TestAnAdmittedDeviceThatIsGoneBlocksNoName(t *testing.T) {
	s := openLobby(t)
	clock := s.useSetClock()
	ben := s.class.Pupils[0]
	gone := mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: "a"}))(t)
	ids, _ := s.waitingFor(t)
	mustValue(s.AdmitWaiting(s.lesson.ID, ids, true))(t)
	clock.step(time.Hour) // the clock is set, and no time passes
	mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: "b"}))(t)
	s.checkTicket(t, gone, TicketAdmitted)
	clock.pass(61 * time.Second)
	mustValue(s.EnterLobby(s.ref(), ben.ID, "", Asker{Device: "c"}))(t)
	s.checkTicket(t, gone, TicketRefused)
}

func TestATicketIsRepeatedForTwoMinutes(t *testing.T) {
	s := openLobby(t)
	clock := s.useSetClock()
	ticket := mustValue(s.EnterLobby(s.ref(), s.class.Pupils[0].ID, "", Asker{Device: "a"}))(t)
	ids, _ := s.waitingFor(t)
	mustValue(s.AdmitWaiting(s.lesson.ID, ids, true))(t)
	for i, want := range []bool{false, true} {
		clock.pass(time.Minute)
		if _, _, _, moved, err := s.JoinTicket(ticket, ""); err != nil || moved != want {
			t.Errorf("join %d: moved %v, %v", i+1, moved, err)
		}
	}
	clock.pass(61 * time.Second)
	s.checkTicket(t, ticket, TicketRefused)
	_, _, _, _, err := s.JoinTicket(ticket, "")
	checkRefused(t, err, "denied/refused/")
}
