var t=[["path",{d:"m15 18-6-6 6-6"}]];export{t as a};
