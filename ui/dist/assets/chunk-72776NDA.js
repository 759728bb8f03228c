var t=[["path",{d:"m5 12 7-7 7 7"}],["path",{d:"M12 19V5"}]];export{t as a};
