module example.org/scenario

go 1.19

require example.org/chats v0.0.0

replace example.org/chats => ./generated
