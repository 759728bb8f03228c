var t=[["path",{d:"M18 6 6 18"}],["path",{d:"m6 6 12 12"}]];export{t as a};
