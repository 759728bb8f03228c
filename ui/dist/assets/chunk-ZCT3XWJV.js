var t=[["path",{d:"m6 9 6 6 6-6"}]];var c=[["circle",{cx:"12",cy:"12",r:"1"}]];export{t as a,c as b};
