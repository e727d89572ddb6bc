using System.Net;

namespace Evergrain.Suites.Hosting;

/// <summary>Asks and checks the status.</summary>
internal static class HttpAnswers
{
    public static async Task<string> GetStringAsyncOf(this HttpClient http, string path, HttpStatusCode status)
    {
        using var answer = await http.GetAsync(path);
        Assert.Equal(status, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }
}
