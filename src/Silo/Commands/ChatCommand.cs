using System.CommandLine;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain chat</c>: turns with a model, whose answers are printed as they come.</summary>
internal static class ChatCommand
{
    private static readonly Argument<string?> First = new("TEXT")
    {
        Description = "One message; without it each line of stdin is one.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string> Model = new("--model")
    {
        Description = "The model; default the one of the response that is continued, else the server's first.",
        HelpName = "NAME",
    };

    private static readonly Option<string> After = new("--after")
    {
        Description = "The response that the first message continues.",
        HelpName = "ID",
    };

    public static Command Create()
    {
        var command = new Command("chat", """
            Talks to a model: each message is a stored turn that continues the one before.

            Examples:
              evergrain chat
              evergrain chat "What is an event log?" --model demo
              evergrain chat "And a cursor?" --after resp_7Il8WAe0LM8iB22NlW8Chu_1xq7Bd
            """) { First, Model, After };
        command.AddServer();
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        using var server = line.OpenServer();
        var previous = line.GetValue(After) is { } after ? IdArgument.ReadResponse(after).ToString() : null;
        var talk = new Talk(server, await ModelAsync(line, server, previous, cancellationToken),
            line.GetValue(SourceFlags.Json), previous);
        if (line.GetValue(First) is { } only)
        {
            await talk.SayAsync(only, cancellationToken);
        }
        else
        {
            await ReadLinesAsync(talk, cancellationToken);
        }

        if (talk.Last is { } last && !line.GetValue(SourceFlags.Json))
        {
            await Console.Error.WriteLineAsync($"The conversation goes on with --after {last}");
        }

        return talk.HasFailed ? 1 : 0;
    }

    private static async Task ReadLinesAsync(Talk talk, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (!Console.IsInputRedirected)
            {
                await Console.Error.WriteAsync("> ");
            }

            if (await Console.In.ReadLineAsync(cancellationToken) is not { } said)
            {
                return;
            }

            if (!string.IsNullOrWhiteSpace(said))
            {
                await talk.SayAsync(said, cancellationToken);
            }
        }
    }

    private static async Task<string> ModelAsync(
        ParseResult line, ServerClient server, string? previous, CancellationToken cancellationToken)
    {
        if (line.GetValue(Model) is { } given)
        {
            return given;
        }

        if (previous is not null)
        {
            var response = await server.GetAsync($"/v1/responses/{previous}", cancellationToken);
            return response.Text("model") ?? throw new CommandException("The response names no model: give --model.");
        }

        var models = await server.GetAsync("/v1/models", cancellationToken);
        return models.List("data").Select(static model => model.Text("id")).FirstOrDefault() ??
            throw new CommandException("The server lists no model: give --model.");
    }

    /// <summary>Turns, one behind the other.</summary>
    private sealed class Talk(ServerClient server, string model, bool isJson, string? previous)
    {
        private bool _hasEnded;

        /// <summary>The last response.</summary>
        public string? Last { get; private set; } = previous;

        /// <summary>Whether the last turn failed.</summary>
        public bool HasFailed { get; private set; }

        /// <summary>Runs a turn, and prints what comes of it.</summary>
        public async Task SayAsync(string text, CancellationToken cancellationToken)
        {
            var create = new JsonObject
            {
                ["model"] = model, ["input"] = text, ["stream"] = true, ["previous_response_id"] = Last,
            };
            using var answer = await server.StreamAsync(
                Encoding.UTF8.GetBytes(create.ToJsonString()), cancellationToken);
            await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
            (HasFailed, _hasEnded) = (true, false);
            await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellationToken))
            {
                if (item.Data.StartsWith('{'))
                {
                    await ShowAsync(JsonElement.Parse(item.Data));
                }
            }

            if (!isJson)
            {
                Console.WriteLine();
            }

            if (!_hasEnded)
            {
                await Console.Error.WriteLineAsync(
                    "The connection ended before the turn did: evergrain inspect tells what became of it.");
            }
        }

        private async Task ShowAsync(JsonElement happened)
        {
            var type = happened.Text("type");
            Last = happened.Text("response", "id") ?? Last;
            HasFailed = HasFailed && type is not ("response.completed" or "response.incomplete");
            _hasEnded = _hasEnded || !HasFailed || type is "response.failed" or "error";
            if (isJson)
            {
                Terminal.Write(happened);
                return;
            }

            switch (type)
            {
                case "response.output_text.delta" or "response.refusal.delta":
                    await Console.Out.WriteAsync(Terminal.SafeLines(happened.Text("delta") ?? ""));
                    break;
                case "response.failed":
                    await Console.Error.WriteLineAsync(
                        Terminal.Safe($"The turn failed: {happened.Text("response", "error", "message")}"));
                    break;
                case "error":
                    await Console.Error.WriteLineAsync(Terminal.Safe($"The turn failed: {happened.Text("message")}"));
                    break;
            }
        }
    }
}
