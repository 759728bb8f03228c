// The style sheet of what a pupil sees: ui/build puts it into the page. All other pages wait for the
// style sheet of all pages (see main.tsx).
import "./components/tokens.css";
import "./components/base.css";
import "./components/fonts.css";
import "./components/feedback";
import "./pages/join";
import "./pages/lesson";
