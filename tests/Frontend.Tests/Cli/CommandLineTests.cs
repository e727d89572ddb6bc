using System.Diagnostics;
using System.Net;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>The command line as a process: how it starts, refuses to, and stops.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-cli-");
    private readonly CancellationTokenSource _patience = new(2 * TestServer.Patience);

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Theory]
    [InlineData("--port x", "--port")]
    [InlineData("--frob", "--frob")]
    [InlineData("--port 70000", "Port")]
    [InlineData("--address 0.0.0.0", "loopback")]
    [InlineData("--api-key secret=", "tenant")]
    [InlineData("--api-keys /nowhere/keys", "/nowhere/keys")]
    [InlineData("--data /dev/null/x", "/dev/null/x")]
    [InlineData("--config /nowhere/settings.json", "/nowhere/settings.json")]
    [InlineData("--model-url ftp://host/v1 --model-api chat", "'ftp://host/v1' is not")]
    [InlineData("--model-url http://host/v1", "--model-api is missing: chat or responses.")]
    [InlineData("--model-url http://host/v1 --model-api smoke", "smoke")]
    [InlineData("--model-url http://u:secret@host/v1 --model-api chat", "user info")]
    [InlineData("--model-api chat --model-key secret", "ModelUrl")]
    [InlineData("--model-calls-max 3", "ModelUrl")]
    [InlineData("--model-url http://host/v1 --model-api chat --model-calls-max many", "CallsMax")]
    [InlineData("--model-url http://host/v1 --model-api chat --model-idle-timeout 9", "IdleTimeout is 9.00:00:00")]
    [InlineData("--model-url http://host/v1 --model-url http://host/v1/ --model-api chat", "there twice")]
    public async Task Options_Wrong_AreOneLineOnStderrAndExitCodeOne(string arguments, string expected)
    {
        using var process = Start([.. arguments.Split(' ')]);

        var error = (await process.StandardError.ReadToEndAsync(_patience.Token)).TrimEnd();
        await process.WaitForExitAsync(_patience.Token);

        Assert.Equal(1, process.ExitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
        Assert.DoesNotContain("secret", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Variables_OfOpenTelemetryThatMeanNothing_AreNamedInOneLine()
    {
        var variables = new Dictionary<string, string>
        {
            ["OTEL_TRACES_SAMPLER"] = "sometimes", ["OTEL_EXPORTER_OTLP_HEADERS"] = "secret",
        };
        using var process = Start(variables, "--port", "0", "--data", _data.FullName);

        var error = (await process.StandardError.ReadToEndAsync(_patience.Token)).TrimEnd();
        await process.WaitForExitAsync(_patience.Token);

        Assert.Equal(1, process.ExitCode);
        Assert.DoesNotContain('\n', error);
        Assert.All(variables.Keys, name => Assert.Contains($"{name} must be", error, StringComparison.Ordinal));
        Assert.DoesNotContain("secret", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_Started_GreetsAnswersAndStopsInOrder()
    {
        using var process = Start("--port", "0", "--data", _data.FullName, "--model", "one", "--model", "@cf/two");
        var greeting = await process.StandardOutput.ReadLineAsync(_patience.Token);
        var address = greeting!.Split(' ').First(word => word.StartsWith("http://", StringComparison.Ordinal));
        using var http = new HttpClient { BaseAddress = new Uri(address), Timeout = TestServer.Patience };

        var models = await http.GetStringAsyncOf("/v1/models", HttpStatusCode.OK);
        using var second = Start("--port", "0", "--data", _data.FullName);
        var refusal = await second.StandardError.ReadToEndAsync(_patience.Token);
        await second.WaitForExitAsync(_patience.Token);
        var keys = Path.Combine(_data.FullName, "keys");
        await File.WriteAllTextAsync(keys, "secret", _patience.Token);
        using var third = Start("--port", new Uri(address).Port.ToString(), "--data", _data.FullName + "/other",
            "--api-keys", keys);
        var taken = await third.StandardError.ReadToEndAsync(_patience.Token);
        await third.WaitForExitAsync(_patience.Token);
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        await process.WaitForExitAsync(_patience.Token);

        Assert.Contains("\"one\"", models, StringComparison.Ordinal);
        Assert.Contains("\"@cf/two\"", models, StringComparison.Ordinal);
        Assert.Equal(1, second.ExitCode);
        Assert.Contains(_data.FullName, Assert.Single(refusal.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(1, third.ExitCode);
        Assert.Contains("in use", Assert.Single(taken.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(0, process.ExitCode);
        Assert.Empty(await process.StandardError.ReadToEndAsync(_patience.Token));
    }

    private Process Start(params string[] arguments) => Start(new Dictionary<string, string>(), arguments);

    private Process Start(Dictionary<string, string> variables, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = _data.FullName,
        };
        // Of somebody else's, and no setting.
        start.Environment["EVERGRAIN"] = _data.FullName;
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        start.ArgumentList.Add(typeof(Evergrain.Silo.EvergrainCommand).Assembly.Location);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
