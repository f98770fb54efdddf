// The scenario of tools/check clients, with the client that openapi-generator makes for Go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"

	chats "example.org/chats"
)

func check(isRight bool, what ...any) {
	if !isRight {
		panic(fmt.Sprint(what...))
	}
}

func connect(url, token string) (*chats.APIClient, context.Context) {
	configuration := chats.NewConfiguration()
	configuration.Servers = chats.ServerConfigurations{{URL: os.Getenv(url)}}
	return chats.NewAPIClient(configuration),
		context.WithValue(context.Background(), chats.ContextAccessToken, os.Getenv(token))
}

func problem(answer *http.Response, err error) (int, chats.Problem) {
	var failure *chats.GenericOpenAPIError
	check(errors.As(err, &failure), "the call succeeded: ", err)
	problem, isProblem := failure.Model().(chats.Problem)
	check(isProblem, failure.Error())
	return answer.StatusCode, problem
}

func newChat(audience, scope string, tags map[string]any) chats.ChatInput {
	body := chats.NewChatInput(audience, scope)
	body.Tags = tags
	return *body
}

func main() {
	name, audience, room := os.Getenv("NAME"), os.Getenv("AUDIENCE"), os.Getenv("ROOM")
	var tags map[string]any
	var data []json.RawMessage
	check(json.Unmarshal([]byte(os.Getenv("TAGS")), &tags) == nil)
	check(json.Unmarshal([]byte(os.Getenv("DATA")), &data) == nil)
	client, ctx := connect("API", "TOKEN")
	api := client.ChatsAPI

	chat, _, err := api.CreateChat(ctx).ChatInput(newChat(audience, name, tags)).Execute()
	check(err == nil && chat.Scope == name && reflect.DeepEqual(chat.Tags, tags), chat, err)
	again, answer, err := api.CreateChat(ctx).ChatInput(newChat(audience, name, tags)).Execute()
	check(err == nil && reflect.DeepEqual(again, chat) && answer.Header.Get("Idempotent-Replayed") == "true", err)
	byId, _, err := api.ReadChat(ctx, chat.ChatId).Execute()
	check(err == nil && reflect.DeepEqual(byId, chat), err)
	byScope, _, err := api.ReadChatByScope(ctx, audience, name).Execute()
	check(err == nil && reflect.DeepEqual(byScope, chat), err)

	conversion := chats.NewConversionInput(audience, name+" converted", room)
	converted, _, err := api.ConvertChat(ctx).ConversionInput(*conversion).Execute()
	check(err == nil && converted.RealTime.EventRoomId == room, err)

	for number, value := range data {
		for time := 0; time < 2; time++ {
			// The client leaves out `nil`, so null is sent as raw JSON. A forgotten value is answered with 400.
			event := chats.NewEventInput("message", value)
			request := client.EventsAPI.CreateChatEvent(ctx, chat.ChatId).EventInput(*event)
			_, _, err := request.IdempotencyKey(fmt.Sprint("event-", number)).Execute()
			check(err == nil, err)
		}
	}

	_, answer, err = api.CreateChat(ctx).ChatInput(newChat(audience, "a\nb", nil)).Execute()
	status, invalid := problem(answer, err)
	check(status == 400 && *invalid.Type == "invalid_payload" && invalid.Errors[0].Pointer == "/scope", invalid)
	_, expired := connect("API", "EXPIRED_TOKEN")
	_, answer, err = api.ReadChat(expired, chat.ChatId).Execute()
	status, failed := problem(answer, err)
	check(status == 401 && *failed.Type == "authentication_failed" && !*failed.IsTransient, failed)
	_, answer, err = api.ReadChatByScope(ctx, audience, "nothing").Execute()
	status, missing := problem(answer, err)
	check(status == 404 && *missing.Type == "chat_not_found" && *missing.Status == 404, missing)
	_, answer, err = api.CreateChat(ctx).ChatInput(newChat(audience, name, nil)).Execute()
	status, taken := problem(answer, err)
	check(status == 409 && *taken.Type == "chat_already_exists" && *taken.ChatId == chat.ChatId, taken)
	_, answer, err = api.ReadChatByScope(ctx, audience, "a/b").Execute()
	status, byGateway := problem(answer, err)
	check(status == 404 && byGateway.Type == nil, byGateway)

	newer, ctx := connect("NEWER_API", "TOKEN")
	newChat, _, err := newer.ChatsAPI.ReadChat(ctx, chat.ChatId).Execute()
	check(err == nil && newChat.Scope == name, err)
	event := chats.NewEventInput("newer", 1)
	_, _, err = newer.EventsAPI.CreateChatEvent(ctx, chat.ChatId).EventInput(*event).Execute()
	check(err == nil, err)
	_, answer, err = newer.ChatsAPI.ReadChatByScope(ctx, audience, "nothing").Execute()
	status, unknown := problem(answer, err)
	check(status == 404 && *unknown.Type == "new_chat_not_found" && *unknown.Detail == *missing.Detail, unknown)
}
