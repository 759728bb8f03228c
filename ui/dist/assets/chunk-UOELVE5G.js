var t=[["path",{d:"M5 12h14"}]];export{t as a};
