var t=[["path",{d:"M20 6 9 17l-5-5"}]];var e=[["rect",{width:"18",height:"11",x:"3",y:"11",rx:"2",ry:"2"}],["path",{d:"M7 11V7a5 5 0 0 1 10 0v4"}]];export{t as a,e as b};
