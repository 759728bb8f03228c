var t=[["path",{d:"M5 12h14"}],["path",{d:"M12 5v14"}]];export{t as a};
